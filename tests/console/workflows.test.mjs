// What administrators do most, by mouse and by the keyboard alone, from the overview to the effect. Clicks and keys are counted and
// bounded: a page that makes a workflow longer fails here.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { context, launch, Person } from './browser.mjs';
import { Client } from './client.mjs';
import { Phone, api, gateway, moat } from './phone.mjs';

const world = JSON.parse(fs.readFileSync(process.env.MOAT_CONSOLE_WORLD));
const { base } = world.full;
const rows = [];
let browser;
let cookie;

before(async () => {
  browser = await launch();
  const client = new Client(base, fs.readFileSync(world.full.ca));
  await client.signIn('ada', world.password);
  cookie = client.headers.cookie;
  client.close();
});

after(async () => {
  await browser?.close();
  print();
});

// `most` are clicks by mouse, and keys that are no text by keyboard.
function workflow({ name, incumbent, most, stranger = false }, does) {
  for (const hands of ['mouse', 'keyboard']) {
    test(`${name}, by ${hands}`, async () => {
      const page = await (await context(browser, base, { cookie: stranger ? undefined : cookie })).newPage();
      const person = new Person(page, hands);
      try {
        await does(person, page, hands);
      } finally {
        await page.context().close();
      }
      rows.push({ name, incumbent, hands, clicks: person.clicks, keys: person.keys, typed: person.typed });
      const count = person.keyboard ? person.keys : person.clicks;
      assert.ok(count <= most[hands], `${count} by ${hands} are more than ${most[hands]}`);
      if (person.keyboard) assert.equal(person.clicks, 0);
    });
  }
}

function print() {
  const line = (...cells) => console.log(`| ${cells.join(' | ')} |`);
  line('workflow', 'Defender, Intune and Entra', 'mouse', 'keyboard');
  line('---', '---', '---', '---');
  for (const { name, incumbent } of rows.filter((row) => row.hands === 'mouse')) {
    const of = (hands) => rows.find((row) => row.name === name && row.hands === hands);
    const typed = (row) => (row.typed ? ` + ${row.typed} typed` : '');
    const [mouse, keyboard] = [of('mouse'), of('keyboard')];
    line(name, incumbent, `${mouse.clicks} clicks${typed(mouse)}`, keyboard ? `${keyboard.keys} keys${typed(keyboard)}` : 'failed');
  }
}

const OWN = '/beta/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92';
const policy = (path, name) => api(world, 'GET', path).value.find((one) => one.displayName === name);
const section = (page, path) => page.locator(`.rail nav a[href="${path}"]`);
// Over the palette: the first that it finds.
async function asks(person, page, line) {
  await person.key('Control+k');
  await person.types(page.locator('#palette-q'), line);
  await page.locator('#palette .hit', { hasText: line.split(' ')[1] }).first().waitFor();
  await person.key('Enter');
}

const tab = (page, path) => page.locator(`.tabs a[href="${path}"]`);

workflow({ name: 'Sign in', incumbent: '–', most: { mouse: 2, keyboard: 2 }, stranger: true }, async (person, page) => {
  await person.opens('/');
  await person.types(page.locator('[name=name]'), 'grace');
  await person.types(page.locator('[name=password]'), world.password);
  await person.key('Enter');
  await page.waitForURL(`${base}/`);
});

workflow({
  name: 'Enrol a phone, and find it',
  incumbent: 'hours until it shows',
  most: { mouse: 5, keyboard: 90 },
}, async (person, page, hands) => {
  const name = `new-phone-${hands}`;
  await person.opens('/');
  await person.presses(section(page, '/devices'));
  await person.presses(page.locator('main a.primary[href="/enrollment"]'));
  await person.presses(page.locator('form[action="/enrollment"] button.primary'));
  const link = await page.locator('[role=status] pre').first().innerText();
  const phone = await Phone.enrol(world, name, new URL(link.trim()).hash.replace(/^#(token=)?/, ''));
  await phone.checkIn();
  await person.presses(tab(page, '/devices'));
  if (person.keyboard) await person.key('/');
  await person.types(page.locator('main [data-search]'), name);
  await person.key('Enter');
  await page.waitForURL(/q=/);
  await page.locator('a.row', { hasText: name }).waitFor();
});

workflow({
  name: 'Block a domain',
  incumbent: '~10 clicks, effect in up to 48 h',
  most: { mouse: 3, keyboard: 2 },
}, async (person, page, hands) => {
  const domain = `evil-${hands}.example`;
  await person.opens('/');
  if (person.keyboard) {
    await asks(person, page, `block ${domain}`);
  } else {
    await person.presses(section(page, '/indicators'));
    await person.types(page.locator('form[action="/indicators"] [name=value]'), domain);
    await person.key('Enter');
  }
  await page.locator('main tbody', { hasText: domain }).waitFor();
  await person.sees(domain);
  const found = api(world, 'GET', `/api/indicators?$filter=indicatorValue eq '${domain}'`).value;
  assert.equal(found[0].action, 'Block');
});

workflow({
  name: 'Why is this person blocked?',
  incumbent: '3 portals',
  most: { mouse: 3, keyboard: 2 },
}, async (person, page, hands) => {
  const name = `blocked-phone-${hands}`;
  const phone = await Phone.enrol(world, name);
  await phone.checkIn({ jailbroken: true });
  const door = gateway(world, `door-${hands}`);
  assert.equal((await door.ask(phone)).status, 403);
  await person.opens('/');
  if (person.keyboard) {
    await asks(person, page, `why ${name}`);
  } else {
    await person.presses(section(page, '/devices'));
    await person.types(page.locator('main [data-search]'), name);
    await person.key('Enter');
    await page.waitForURL(/q=/);
    await person.presses(page.locator('a.row', { hasText: name }));
  }
  await page.waitForURL(/devices\/./);
  await person.sees('May not reach corporate applications');
  await person.sees(/jailbroken/i);
});

workflow({
  name: 'Unblock a false positive',
  incumbent: 'an allow indicator, then wait',
  most: { mouse: 2, keyboard: 60 },
}, async (person, page, hands) => {
  const site = `needed-${hands}.example`;
  api(world, 'POST', '/api/indicators', {
    indicatorValue: site, indicatorType: 'DomainName', action: 'Block', title: 'A mistake', description: 'A mistake', severity: 'Low',
  });
  const phone = await Phone.enrol(world, `needs-a-site-${hands}`);
  await phone.checkIn({ events: [{ kind: 'siteReported', url: `https://${site}/`, comment: 'I need this', report: 'mistake' }] });
  await person.opens('/');
  await person.presses(page.locator('main a[href^="/reports"]').first());
  await person.presses(page.locator('button[value=allow]').filter({ visible: true }).and(page.getByRole('button', { name: site })));
  await page.locator('[role=status]').first().waitFor();
  const found = api(world, 'GET', `/api/indicators?$filter=indicatorValue eq '${site}'`).value;
  assert.ok(found.some((one) => one.action === 'Allowed'), JSON.stringify(found));
});

workflow({
  name: 'Block jailbroken devices',
  incumbent: '~15 clicks on 5 blades',
  most: { mouse: 7, keyboard: 120 },
}, async (person, page, hands) => {
  const name = `No jailbreak ${hands}`;
  await person.opens('/');
  await person.presses(section(page, '/policies/compliance'));
  await person.presses(page.locator('a.primary[href="/policies/compliance/new"]'));
  await person.types(page.locator('#policy [name=displayName]'), name);
  await person.chooses(page.locator('#policy [name=securityBlockJailbrokenDevices]'), 'Block');
  await person.ticks(page.locator('#policy [name=assignments][value=allDevices]'));
  await person.presses(page.locator('#policy button.primary'));
  await page.locator('[role=status]').waitFor();
  const found = policy('/v1.0/deviceManagement/deviceCompliancePolicies', name);
  assert.equal(found.securityBlockJailbrokenDevices, true);
});

workflow({
  name: 'Connector, and apps closed above a threat level',
  incumbent: '~20 clicks in 2 areas',
  most: { mouse: 16, keyboard: 260 },
}, async (person, page, hands) => {
  const name = `Mail ${hands}`;
  api(world, 'PATCH', OWN, { iosMobileApplicationManagementEnabled: false });
  await person.opens('/');
  await person.presses(section(page, '/connectors'));
  await person.presses(page.locator(`a.row[href="/connectors/${OWN.split('/').at(-1)}"]`));
  await person.ticks(page.locator('main [name=apps]'));
  await person.presses(page.locator('main form button.primary').first());
  await page.waitForLoadState();
  await person.presses(section(page, '/policies/compliance'));
  await person.presses(tab(page, '/policies/apps'));
  await person.presses(page.locator('a.primary[href="/policies/apps/new"]'));
  await person.types(page.locator('#policy [name=displayName]'), name);
  await person.types(page.locator('#policy [name=apps]'), 'org.example.mail');
  await person.chooses(page.locator('#policy [name=maximumAllowedDeviceThreatLevel]'), 'Low');
  await person.ticks(page.locator('#policy [name=assignments][value=allUsers]'));
  await person.presses(page.locator('#policy button.primary'));
  await page.locator('[role=status]').waitFor();
  assert.equal(api(world, 'GET', OWN).iosMobileApplicationManagementEnabled, true);
  assert.equal(policy('/beta/deviceAppManagement/iosManagedAppProtections', name).maximumAllowedDeviceThreatLevel, 'low');
});

workflow({
  name: 'A stricter policy in report-only, with who would be affected',
  incumbent: 'report-only, a workbook and Log Analytics',
  most: { mouse: 10, keyboard: 180 },
}, async (person, page, hands) => {
  const name = `Stricter ${hands}`;
  await person.opens('/');
  await person.presses(section(page, '/policies/compliance'));
  await person.presses(tab(page, '/policies/access'));
  await person.presses(page.locator('a.primary[href="/policies/access/new"]'));
  await person.types(page.locator('#policy [name=displayName]'), name);
  await person.chooses(page.locator('#policy [name=who]'), 'All users');
  await person.chooses(page.locator('#policy [name=what]'), 'All applications');
  await person.ticks(page.locator('#policy [name=builtInControls][value=mfa]'));
  await page.locator('#affected dd').first().waitFor();
  await person.presses(page.locator('#policy button.primary'));
  await page.locator('[role=status]').waitFor();
  assert.equal(policy('/v1.0/identity/conditionalAccess/policies', name).state, 'enabledForReportingButNotEnforced');
});

workflow({
  name: 'Wipe the work data on a lost phone',
  incumbent: 'several blades',
  most: { mouse: 6, keyboard: 70 },
}, async (person, page, hands) => {
  const name = `lost.${hands}@corp.example`;
  const user = api(world, 'POST', '/v1.0/users', {
    displayName: `Lost ${hands}`, userPrincipalName: name, mailNickname: `lost-${hands}`, accountEnabled: true,
  });
  const { token } = moat(world, 'enroll', 'token', '--user', user.id, '--json');
  const phone = await Phone.enrol(world, `lost-phone-${hands}`, token);
  await phone.checkIn();
  await phone.registersApp('org.example.mail');
  await person.opens('/');
  await person.presses(section(page, '/people/users'));
  if (person.keyboard) await person.key('/');
  await person.types(page.locator('main [data-search]'), name);
  await person.key('Enter');
  await page.waitForURL(/q=/);
  if (person.keyboard) await person.key('j');
  await person.presses(page.locator('a.row', { hasText: `Lost ${hands}` }));
  await person.presses(page.locator('summary', { has: page.locator(':scope + form[action$="/wipe"]') }));
  await person.types(page.locator('form[action$="/wipe"] [name=confirm]'), name);
  await person.presses(page.locator('form[action$="/wipe"] button.danger'));
  await person.sees('wipe ordered');
});
