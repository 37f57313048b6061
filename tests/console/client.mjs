// The console without a browser: one kept connection, a session, and the addresses that pages link to.
import fs from 'node:fs';
import https from 'node:https';

export class Client {
  constructor(base, ca) {
    this.base = base;
    this.headers = {};
    this.agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca });
  }

  // Answers with how long it took from the request to the last byte.
  send(method, path, { body, headers = {} } = {}) {
    return new Promise((done, fail) => {
      const start = process.hrtime.bigint();
      const options = { method, agent: this.agent, headers: { ...this.headers, ...headers } };
      const request = https.request(new URL(path, this.base), options, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', fail);
        answer.on('end', () => done({
          status: answer.statusCode,
          headers: answer.headers,
          text: Buffer.concat(parts).toString(),
          ms: Number(process.hrtime.bigint() - start) / 1e6,
        }));
      });
      request.on('error', fail);
      request.end(body);
    });
  }

  get(path) {
    return this.send('GET', path);
  }

  async signIn(name, password) {
    const body = new URLSearchParams({ name, password, next: '' }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await this.send('POST', '/sign-in', { body, headers });
    const cookie = answer.headers['set-cookie']?.[0].split(';')[0];
    if (answer.status !== 303 || !cookie) throw new Error(`${name} cannot sign in: ${answer.status} ${answer.text}`);
    this.headers.cookie = cookie;
  }

  close() {
    this.agent.destroy();
  }
}

// The routes that the console answers GET at, as the router has them: `/devices/{id}`.
export function routes(sources) {
  const text = sources.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
  const bodies = new Map([...text.matchAll(/^(?:pub(?:\([a-z]+\))? )?fn (\w+)\([\s\S]*?^\}/gm)].map((found) => [found[1], found[0]]));
  const found = new Set();
  const read = (name) => {
    const body = bodies.get(name) ?? '';
    for (const [, path] of body.matchAll(/\.route\(\s*"([^"]+)",\s*get\(/g)) found.add(path);
    for (const [, other] of body.matchAll(/\.merge\((?:\w+::)*(\w+)\(/g)) if (other !== name) read(other);
  };
  read('console');
  if (found.size < 10) throw new Error('the routes of the console cannot be read from the router any more');
  return [...found];
}

// The route that answers at an address: the one with the fewest unknown parts.
export function routeOf(path, all) {
  const parts = path.split('?')[0].split('/');
  const fits = (route) => {
    const names = route.split('/');
    return names.length === parts.length && names.every((name, n) => name === parts[n] || (name.startsWith('{') && parts[n] !== ''));
  };
  const unknown = (route) => route.split('{').length;
  return all.filter(fits).sort((a, b) => unknown(a) - unknown(b))[0];
}

// Follows every link from the first page on. Of the addresses that differ only in their ids, or in the values behind the same
// question mark, it opens as many as `each` says of the first of them. What is narrowed already it does not narrow further: the
// ways to do so multiply. Answers what it opened, and what went wrong.
export async function crawl(client, all, { each, most = 400 }) {
  const opened = [];
  const wrong = [];
  const seen = new Set(['/']);
  const kinds = new Map();
  const queue = ['/'];
  while (queue.length && opened.length < most) {
    const path = queue.shift();
    const answer = await client.get(path);
    const html = (answer.headers['content-type'] ?? '').startsWith('text/html');
    opened.push({ path, route: routeOf(path, all), html });
    if (answer.status !== 200) wrong.push(`${path} answers ${answer.status}`);
    if (!html) continue;
    for (const [, link] of answer.text.matchAll(/<a\s[^>]*?href="([^"]*)"/g)) {
      const to = new URL(link.replaceAll('&amp;', '&').replaceAll('&#38;', '&').replaceAll('&#x26;', '&'), new URL(path, client.base));
      const address = to.pathname + to.search;
      if (to.origin !== new URL(client.base).origin || seen.has(address)) continue;
      seen.add(address);
      const route = routeOf(address, all);
      if (!route) wrong.push(`${path} links to ${address}, where no page is`);
      if (to.search && path.includes('?')) continue;
      const kind = `${route ?? address} ${[...to.searchParams.keys()].sort().join(' ')}`;
      const known = kinds.get(kind) ?? 0;
      if (known >= each(to)) continue;
      kinds.set(kind, known + 1);
      queue.push(address);
    }
  }
  if (queue.length) wrong.push(`there are more than ${most} addresses: raise the bound or take fewer of each kind`);
  return { opened, wrong };
}
