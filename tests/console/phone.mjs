// A phone that enrols and checks in as a real one does, and a gateway that asks about it.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { Client } from './client.mjs';

// One command of the administrator of the machine.
export function moat(world, ...command) {
  const answer = execFileSync(world.moat, [...command, '--data', world.full.data], { encoding: 'utf8' });
  return answer.trim() ? JSON.parse(answer) : null;
}

export const api = (world, method, path, body) => moat(world, 'api', method, path, ...(body ? [JSON.stringify(body)] : []));

export class Phone {
  // With the token of a link, or with a new one.
  static async enrol(world, name, token = moat(world, 'enroll', 'token', '--json').token) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const file = `${world.work}/${name}.key`;
    fs.writeFileSync(file, key, { mode: 0o600 });
    const csr = execFileSync('openssl', ['req', '-new', '-key', file, '-subj', `/CN=${name}`], { encoding: 'utf8' });
    const device = { name, osPlatform: 'iOS', osVersion: '18.7.2', model: 'iPhone17,1', agentVersion: '0.1.0' };
    const client = new Client(world.full.base, fs.readFileSync(world.full.ca));
    const headers = { 'content-type': 'application/json' };
    const answer = await client.send('POST', '/device/v1/enroll', { headers, body: JSON.stringify({ token, csr, device }) });
    client.close();
    if (answer.status !== 200) throw new Error(`${name} was not enrolled: ${answer.text}`);
    const { certificate, deviceId } = JSON.parse(answer.text);
    return new Phone(world, device, deviceId, key, certificate);
  }

  constructor(world, device, id, key, certificate) {
    Object.assign(this, { device, id, certificate });
    this.seq = 0;
    this.client = new Client(world.full.devices, fs.readFileSync(world.full.ca));
    this.client.agent = new https.Agent({ keepAlive: true, ca: fs.readFileSync(world.full.ca), key, cert: certificate });
  }

  // Says how it is, and what happened.
  async checkIn({ jailbroken = false, events = [] } = {}) {
    const finding = { rule: 'fs.var_jb', group: 'rootless', detail: '/var/jb is a symlink', weight: 0.9, families: [] };
    const posture = { level: jailbroken ? 'confirmed' : 'none', score: 0, findings: jailbroken ? [finding] : [], rulesVersion: '1', answered: 1, unanswered: 0, unknown: 0 };
    const time = Date.now() * 1000;
    const state = { time, webProtection: 'on', otherVpn: null, bundleVersion: 1, posture, addresses: ['192.0.2.7'] };
    const numbered = events.map((event) => ({ seq: (this.seq += 1), time, event }));
    const body = JSON.stringify({ device: this.device, events: numbered, dropped: 0, state });
    const answer = await this.client.send('POST', '/device/v1/check-in', { headers: { 'content-type': 'application/json' }, body });
    if (answer.status !== 200) throw new Error(`the phone could not check in: ${answer.text}`);
    return JSON.parse(answer.text);
  }

  // An app with work data asks for its policies.
  async registersApp(bundleId) {
    const body = JSON.stringify({ bundleId, jailbroken: false, appVersion: '2.4', sdkVersion: '1.0', osVersion: '18.7.2', deviceModel: 'iPhone17,1', deviceTag: this.id });
    const answer = await this.client.send('POST', '/device/v1/apps/check-in', { headers: { 'content-type': 'application/json' }, body });
    if (answer.status !== 200) throw new Error(`the app could not check in: ${answer.text}`);
  }
}

export function gateway(world, name) {
  const { key, applicationId } = moat(world, 'api', 'POST', '/admin/gateways', JSON.stringify({ name }));
  const client = new Client(world.full.base, fs.readFileSync(world.full.ca));
  const ask = (phone) => {
    const certificate = [...Buffer.from(phone.certificate)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    return client.send('GET', '/access/check', { headers: { authorization: `Bearer ${key}`, 'x-client-cert': certificate } });
  };
  return { ask, applicationId };
}
