// The first administrator of a new server.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { context, launch, Person } from './browser.mjs';
import { VARIANTS, Window, notGerman } from './look.mjs';

const world = JSON.parse(fs.readFileSync(process.env.MOAT_CONSOLE_WORLD));

test('the set-up page, and the first administrator by keyboard', async () => {
  const browser = await launch();
  try {
    const { base, setup } = world.empty;
    const looks = [];
    for (const variant of VARIANTS) {
      const window = await Window.open(browser, base, variant);
      looks.push(await window.look(setup));
      await window.close();
    }
    assert.deepEqual(looks.flatMap((look, n) => look.wrong.map((wrong) => `${VARIANTS[n].name}: ${wrong}`)), []);
    assert.deepEqual(notGerman(looks.at(-1), looks[0], true), []);

    const page = await (await context(browser, base)).newPage();
    const person = new Person(page, 'keyboard');
    await person.opens(setup);
    await person.types(page.locator('[name=name]'), 'ada');
    await person.types(page.locator('[name=password]'), world.password);
    await person.types(page.locator('[name=again]'), world.password);
    await person.key('Enter');
    await page.waitForURL(`${base}/`);
  } finally {
    await browser.close();
  }
});
