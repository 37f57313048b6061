// What a page is looked at for, in each theme, width and language.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { context } from './browser.mjs';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Of a first load, as they come over the wire.
const MOST_BYTES = 150_000;

export const VARIANTS = [
  { name: 'light 1280', width: 1280 },
  { name: 'dark 1280', width: 1280, dark: true },
  { name: 'light 320', width: 320 },
  { name: 'dark 320', width: 320, dark: true },
  { name: 'German', width: 1280, locale: 'de-DE' },
];

// Words that German does not have.
const ENGLISH = /(?<![\w-])([Tt]he|[Tt]his|[Tt]hat|[Tt]hese|[Ww]hat|[Ww]hich|[Ww]hen|and|of|with|are|is|your|not|yet|from|for|their|they|has|have)(?![\w-])/;

// Names that are the same in every language.
const NAMES = ['OneDrive for Business'];

// A browser window of one variant at one server.
export class Window {
  static async open(browser, base, variant, cookie) {
    const made = await context(browser, base, { ...variant, cookie });
    const page = await made.newPage();
    const window = new Window(page, variant, new URL(base).host);
    await page.addInitScript(() => {
      window.seen = { shift: 0, csp: [] };
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.seen.shift += entry.value; }))
        .observe({ type: 'layout-shift', buffered: true });
      addEventListener('securitypolicyviolation', (event) => window.seen.csp.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && window.said.push(['console', message.text()]));
    page.on('pageerror', (error) => window.said.push(['console', error.message]));
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol !== 'data:' && url.host !== window.host) window.said.push(['hosts', `asks ${url.host}`]);
    });
    const chrome = await made.newCDPSession(page);
    await chrome.send('Network.enable');
    // Each load is a first one.
    await chrome.send('Network.setCacheDisabled', { cacheDisabled: true });
    chrome.on('Network.loadingFinished', (event) => { window.bytes += event.encodedDataLength; });
    return window;
  }

  constructor(page, variant, host) {
    this.page = page;
    this.variant = variant;
    this.host = host;
    this.bytes = 0;
    this.said = [];
  }

  close() {
    return this.page.context().close();
  }

  // What the page shows, and what is wrong with it: pairs of a kind and a text.
  async look(path) {
    this.bytes = 0;
    this.said = [];
    const answer = await this.load(path);
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))));
    // What is folded away counts, too; but it moves when it opens.
    const seen = await this.page.evaluate(() => {
      const seen = { ...window.seen };
      document.querySelectorAll('details').forEach((it) => { it.open = true; });
      return seen;
    });
    const shown = await this.page.evaluate(() => ({
      language: document.documentElement.lang,
      title: document.title,
      titles: document.querySelectorAll('h1').length,
      text: (document.querySelector('main') ?? document.body).innerText,
      over: document.documentElement.scrollWidth - innerWidth,
      texts: [...document.querySelectorAll('body *')]
        .filter((it) => !it.closest('code, pre, textarea, .mono, [lang]:not(html)'))
        .flatMap((it) => [...it.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim())),
    }));
    Object.assign(shown, seen);
    const wrong = [...this.said];
    if (answer.status() !== 200) wrong.push(['status', answer.status()]);
    if (shown.shift > 0) wrong.push(['shift', shown.shift.toFixed(4)]);
    for (const violation of shown.csp) wrong.push(['policy', violation]);
    if (shown.over > 0) wrong.push(['overflow', `${shown.over} px too wide`]);
    if (shown.titles !== 1 || !shown.title) wrong.push(['titles', `${shown.titles} titles, “${shown.title}”`]);
    if (this.bytes > MOST_BYTES) wrong.push(['bytes', `${this.bytes} bytes`]);
    if (!this.variant.locale) wrong.push(...(await this.violations()).map((text) => ['axe', text]));
    return { ...shown, bytes: this.bytes, wrong };
  }

  // Chromium gives up what it loads when an interface of the machine comes or goes; that is nothing of the page's.
  async load(path) {
    const load = () => this.page.goto(path, { waitUntil: 'load' });
    return load().catch((error) => {
      if (!error.message.includes('ERR_NETWORK_CHANGED')) throw error;
      this.said = [];
      return load();
    });
  }

  async violations() {
    await this.page.evaluate(axe);
    const result = await this.page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
    const first = (node) => `${node.html.slice(0, 160)} (${node.failureSummary.replace(/\s+/g, ' ').slice(0, 240)})`;
    return result.violations.map(({ id, nodes }) => `${id}: ${nodes.length} × ${first(nodes[0])}`);
  }
}

// What is wrong with a page in German that was seen in English, too; `plain` when no data of people stands in it.
export function notGerman(german, english, plain) {
  const wrong = plain ? german.texts.filter((text) => ENGLISH.test(text) && !NAMES.includes(text)).map((text) => `English: ${text.slice(0, 120)}`) : [];
  if (german.language !== 'de' || english.language !== 'en') wrong.push(`lang is ${german.language} and ${english.language}`);
  if (german.text === english.text) wrong.push('the same text as in English');
  return wrong;
}
