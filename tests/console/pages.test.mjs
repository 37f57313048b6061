// Every page of the console, in both themes, wide and narrow, full and empty, in English and German.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { launch } from './browser.mjs';
import { Client, crawl, routes } from './client.mjs';
import { VARIANTS, Window, notGerman } from './look.mjs';
import { Phone, gateway } from './phone.mjs';

const world = JSON.parse(fs.readFileSync(process.env.MOAT_CONSOLE_WORLD));
const all = routes(world.routes);
// Routes without a page: files, and the stream of changes. The set-up has a test of its own.
const NO_PAGES = ['/static/{version}/{name}', '/events', '/setup/{token}'];
// Of pages about one thing among many, of the new server's pages and of narrowed lists, which are seen before with less in them.
const FEW = ['light 1280', 'dark 320', 'German'];
const WORKERS = 2;

const looks = [];
let browser;
let servers;

before(async () => {
  browser = await launch();
  servers = [await links('full', world.full), await links('empty', world.empty)];
  servers[0].opened.push(...(await unlinked()));
  const whole = (server, page) => server.name === 'full' && !/[?{]/.test(page.path + page.route);
  const jobs = servers.flatMap((server) => VARIANTS.flatMap((variant) => server.opened
    .filter((page) => page.html && (whole(server, page) || FEW.includes(variant.name)))
    .map((page) => ({ ...page, variant, server }))));
  await Promise.all(Array.from({ length: WORKERS }, () => work(jobs)));
});

after(() => browser?.close());

async function links(name, server) {
  const client = new Client(server.base, fs.readFileSync(server.ca));
  await client.signIn('ada', world.password);
  const found = await crawl(client, all, { each: (to) => (to.search ? 1 : 2) });
  client.close();
  return { name, base: server.base, cookie: client.headers.cookie, ...found };
}

// Pages of people who are not signed in; no page of the console links to them.
async function unlinked() {
  const phone = await Phone.enrol(world, 'iphone-at-the-gate');
  await phone.checkIn({ jailbroken: true });
  const door = gateway(world, 'the gate');
  const { headers } = await door.ask(phone);
  const why = new URL(headers['x-moat-link']).pathname;
  const pages = { '/sign-in': '/sign-in', '/enroll': '/enroll', '/why/{token}': why };
  return Object.entries(pages).map(([route, path]) => ({ path, route, html: true, stranger: true }));
}

// A window for each variant, with and without a session, kept for the next page.
async function work(jobs) {
  const windows = new Map();
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const { server, variant, stranger } = job;
    const key = `${server.name} ${variant.name} ${stranger}`;
    if (!windows.has(key)) windows.set(key, await Window.open(browser, server.base, variant, stranger ? undefined : server.cookie));
    looks.push({ ...job, ...(await windows.get(key).look(job.path)) });
  }
  for (const window of windows.values()) await window.close();
}

const place = ({ server, path, variant }) => `${server.name}: ${path} in ${variant.name}`;
const none = (kind) => {
  const found = looks.flatMap((look) => look.wrong.filter(([its]) => its === kind).map(([, text]) => `${place(look)}: ${text}`));
  assert.ok(found.length === 0, `${found.length} times:\n${found.slice(0, 40).join('\n')}`);
};

test('links lead to every page', () => {
  assert.deepEqual(servers.flatMap(({ name, wrong }) => wrong.map((text) => `${name}: ${text}`)), []);
  const opened = new Set(servers.flatMap((server) => server.opened.map((page) => page.route)));
  assert.deepEqual(all.filter((route) => !opened.has(route) && !NO_PAGES.includes(route)), []);
  const most = looks.reduce((a, b) => (a.bytes > b.bytes ? a : b));
  console.log(`${looks.length} looks at ${servers[0].opened.length + servers[1].opened.length} addresses of ${opened.size} routes`);
  console.log(`the largest first load is ${most.path} with ${most.bytes} bytes`);
});

test('every page answers 200', () => none('status'));
test('axe finds nothing', () => none('axe'));
test('nothing is too wide, at 320 px either', () => none('overflow'));
test('the browser has nothing to complain of', () => none('console'));
test('the content security policy holds', () => none('policy'));
test('no page asks another host', () => none('hosts'));
test('nothing moves once it is shown', () => none('shift'));
test('each page has one title', () => none('titles'));
test('a first load is small', () => none('bytes'));

test('in German each page says so and says it in German', () => {
  const wrong = [];
  for (const german of looks.filter((look) => look.variant.locale)) {
    const english = looks.find((other) => other.server === german.server && other.path === german.path && other.variant.name === 'light 1280');
    wrong.push(...notGerman(german, english, german.server.name === 'empty').map((text) => `${german.path}: ${text}`));
  }
  assert.ok(wrong.length === 0, `${wrong.length} times:\n${wrong.slice(0, 60).join('\n')}`);
});
