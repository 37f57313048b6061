// How long the console's pages take: requests one after the other on one kept TLS connection over loopback.
// Usage: node console.mjs BASE CA PASSWORD DEVICES ROUTER...; script/bench console runs it. Prints JSON.
import fs from 'node:fs';
import { Client, crawl, routes } from '../tests/console/client.mjs';

const REQUESTS = 50;
const WARM_UP = 3;
// Filters of a list are measured one by one, pages of one thing by the first that is linked to.
const each = (to) => (to.search ? 12 : 1);

const [base, ca, password, devices, ...sources] = process.argv.slice(2);
const client = new Client(base, fs.readFileSync(ca));
await client.signIn('ada', password);
const { opened, wrong } = await crawl(client, routes(sources), { each });
if (wrong.length) throw new Error(wrong.join('\n'));

const at = (times, share) => times[Math.ceil(times.length * share) - 1];
const pages = {};
for (const { path, route } of opened) {
  const times = [];
  let answer;
  for (let n = 0; n < WARM_UP + REQUESTS; n += 1) {
    answer = await client.get(path);
    if (answer.status !== 200) throw new Error(`${path} answers ${answer.status}`);
    if (n >= WARM_UP) times.push(answer.ms);
  }
  times.sort((a, b) => a - b);
  // Ids say nothing; without them two addresses may be of one kind.
  const name = path.includes('?') ? decodeURIComponent(path) : route;
  pages[name] ??= { p50_ms: at(times, 0.5), p99_ms: at(times, 0.99), kib: Buffer.byteLength(answer.text) / 1024 };
}
client.close();
console.log(JSON.stringify({ benchmark: 'console', devices: Number(devices), requests_per_page: REQUESTS, pages }));
