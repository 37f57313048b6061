// Takes the pictures of docs/images: main pages, light and dark. tests/console/run pictures
import fs from 'node:fs';
import { context, launch } from './browser.mjs';
import { Client } from './client.mjs';
import { Phone, api } from './phone.mjs';

const world = JSON.parse(fs.readFileSync(process.env.MOAT_CONSOLE_WORLD));
const folder = process.env.MOAT_CONSOLE_PICTURES;
const client = new Client(world.full.base, fs.readFileSync(world.full.ca));
await client.signIn('ada', world.password);
client.close();

const phone = await Phone.enrol(world, 'Annas iPhone');
await phone.checkIn({ jailbroken: true, events: [{ kind: 'siteReported', url: 'https://odd.example/login', comment: 'It asks for my password', report: 'unsafe' }] });
const alert = api(world, 'GET', `/api/machines/${phone.id}/alerts`).value[0].id;
const pages = { overview: '/', devices: '/devices', device: `/devices/${phone.id}`, alerts: '/alerts', alert: `/alerts/${alert}`, indicators: '/indicators' };

const browser = await launch();
for (const dark of [false, true]) {
  const page = await (await context(browser, world.full.base, { dark, cookie: client.headers.cookie })).newPage();
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path);
    await page.screenshot({ path: `${folder}/${name}${dark ? '-dark' : ''}.png` });
  }
  await page.context().close();
}
await browser.close();
