// Chromium, and a person in front of it whose clicks and keys are counted.
import { chromium } from 'playwright-core';

export function launch() {
  return chromium.launch({
    executablePath: process.env.MOAT_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

export function context(browser, base, { dark = false, width = 1280, locale = 'en-US', cookie } = {}) {
  const made = browser.newContext({
    baseURL: base,
    ignoreHTTPSErrors: true,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    viewport: { width, height: 900 },
    locale,
  });
  return made.then(async (context) => {
    context.setDefaultTimeout(15_000);
    if (cookie) {
      const [name, value] = cookie.split(/=(.*)/);
      await context.addCookies([{ name, value, url: base, secure: true, httpOnly: true, sameSite: 'Lax' }]);
    }
    return context;
  });
}

// Most presses of Tab until something is reached.
const FAR = 400;

// Works with the mouse, or with the keyboard alone.
export class Person {
  constructor(page, hands) {
    this.page = page;
    this.hands = hands;
    this.clicks = 0;
    this.keys = 0;
    this.typed = 0;
  }

  get keyboard() {
    return this.hands === 'keyboard';
  }

  // Starts on a page, as from a bookmark; counting starts here.
  async opens(path) {
    await this.page.goto(path);
    this.clicks = this.keys = this.typed = 0;
  }

  async key(key) {
    this.keys += 1;
    await this.page.keyboard.press(key);
  }

  // Tab until the focus is there: who cannot get there so cannot use the page.
  async reaches(locator) {
    await locator.waitFor();
    const here = () => locator.evaluate((it) => it === document.activeElement).catch(() => false);
    for (let n = 0; n < FAR; n += 1) {
      if (await here()) return;
      await this.key('Tab');
    }
    throw new Error(`Tab does not reach ${locator}`);
  }

  // Follows a link or presses a button.
  async presses(locator) {
    if (this.keyboard) {
      await this.reaches(locator);
      await this.key('Enter');
    } else {
      this.clicks += 1;
      await locator.click();
    }
  }

  async ticks(locator) {
    if (this.keyboard) {
      await this.reaches(locator);
      await this.key('Space');
    } else {
      this.clicks += 1;
      await locator.click();
    }
  }

  // Into a field, in place of what stands in it.
  async types(locator, text) {
    if (this.keyboard) {
      await this.reaches(locator);
    } else if (!(await locator.evaluate((it) => it === document.activeElement))) {
      this.clicks += 1;
      await locator.click();
    }
    if (await locator.inputValue()) await this.key('Control+a');
    this.typed += [...text].length;
    await this.page.keyboard.type(text);
  }

  // An option of a list: a click opens it and one chooses; the keyboard types how it begins.
  async chooses(locator, label) {
    const options = await locator.evaluate((it) => [...it.options].map((option) => option.label.trim()));
    if (!options.includes(label)) throw new Error(`${label} is not among ${options.join(', ')}`);
    if (this.keyboard) {
      await this.reaches(locator);
      const chosen = () => locator.evaluate((it) => it.selectedOptions[0]?.label.trim());
      for (let n = 0; (await chosen()) !== label; n += 1) {
        if (n > options.length) throw new Error(`the keyboard does not get to ${label}`);
        await this.key(options.indexOf(label) > options.indexOf(await chosen()) ? 'ArrowDown' : 'ArrowUp');
      }
    } else {
      this.clicks += 2;
      await locator.selectOption({ label });
    }
  }

  async sees(text) {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }
}
