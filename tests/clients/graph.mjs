// @microsoft/microsoft-graph-client and @azure/identity. This client hands out JSON as it came.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ClientSecretCredential } from '@azure/identity';
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';

const world = JSON.parse(readFileSync(process.env.MOAT_CLIENTS_WORLD, 'utf8'));
const { base, devices, tenant, users } = world;
const compliance = '/deviceManagement/deviceCompliancePolicies';
const access = '/identity/conditionalAccess/policies';

function credential(name, secret) {
  const known = world.clients[name];
  return new ClientSecretCredential(tenant, known.client_id, secret ?? known.client_secret, {
    authorityHost: base,
    disableInstanceDiscovery: true,
  });
}

function graph(name, secret) {
  return Client.initWithMiddleware({
    authProvider: new TokenCredentialAuthenticationProvider(credential(name, secret), { scopes: [`${base}/.default`] }),
    baseUrl: `${base}/`,
    defaultVersion: 'v1.0',
    customHosts: new Set([new URL(base).hostname]),
  });
}

const client = graph('administrator');

async function refused(call, statusCode, code, message = /./) {
  await assert.rejects(call, (error) => {
    assert.deepEqual([error.statusCode, error.code], [statusCode, code], error.message);
    assert.match(error.message, message);
    return true;
  });
}

function policy(name) {
  const block = { actionType: 'block', gracePeriodHours: 12 };
  return {
    '@odata.type': '#microsoft.graph.iosCompliancePolicy',
    displayName: name,
    securityBlockJailbrokenDevices: true,
    deviceThreatProtectionRequiredSecurityLevel: 'medium',
    scheduledActionsForRule: [{ ruleName: 'PasswordRequired', scheduledActionConfigurations: [block] }],
  };
}

async function group(t, name, ...members) {
  const made = await client.api('/groups').post({ displayName: name, mailEnabled: false, mailNickname: name, securityEnabled: true });
  t.after(() => client.api(`/groups/${made.id}`).delete());
  for (const member of members) {
    await client.api(`/groups/${made.id}/members/$ref`).post({ '@odata.id': `${base}/v1.0/directoryObjects/${member}` });
  }
  return made.id;
}

test('a compliance policy is read, changed as a whole and sent back', async (t) => {
  const made = await client.api(compliance).post(policy('From JavaScript'));
  const path = `${compliance}/${made.id}`;
  t.after(() => client.api(path).delete());
  const read = await client.api(path).expand('scheduledActionsForRule').get();
  assert.equal(read['@odata.type'], '#microsoft.graph.iosCompliancePolicy');
  assert.equal(read['@odata.context'], `${base}/v1.0/$metadata#deviceManagement/deviceCompliancePolicies/$entity`);
  assert.equal(read.deviceThreatProtectionRequiredSecurityLevel, 'medium');
  assert.equal(read.passcodeRequiredType, 'deviceDefault');
  const [action] = read.scheduledActionsForRule[0].scheduledActionConfigurations;
  assert.deepEqual([action.actionType, action.gracePeriodHours], ['block', 12]);
  assert.ok(!('osMinimumBuildVersion' in read), 'only beta has it');

  const changed = await client.api(path).patch({ ...read, osMinimumVersion: '18.1' });
  assert.deepEqual([changed.osMinimumVersion, changed.securityBlockJailbrokenDevices, changed.version], ['18.1', true, 2]);
  const beta = await client.api(path).version('beta').get();
  assert.deepEqual([beta.osMinimumVersion, beta.osMinimumBuildVersion, beta.restrictedApps], ['18.1', null, []]);

  const staff = await group(t, 'JsStaff', users.anna);
  const target = { '@odata.type': '#microsoft.graph.groupAssignmentTarget', groupId: staff };
  const assigned = await client.api(`${path}/assign`).post({ assignments: [{ target }] });
  assert.deepEqual(assigned.value.map((one) => one.target), [target]);
});

test('devices are filtered, selected and paged', async () => {
  const path = '/deviceManagement/managedDevices';
  const found = await client
    .api(path)
    .filter("partnerReportedThreatState eq 'compromised'")
    .select(['id', 'jailBroken', 'userPrincipalName'])
    .count(true)
    .get();
  assert.equal(found['@odata.count'], 1);
  const [{ id, jailBroken, userPrincipalName, ...rest }] = found.value;
  assert.deepEqual([id, jailBroken, userPrincipalName], [devices.bert, 'True', 'bert@corp.example']);
  assert.deepEqual(Object.keys(rest).filter((name) => !name.startsWith('@')), [], 'nothing else was selected');

  const names = [];
  const first = await client.api(path).top(1).orderby('deviceName').get();
  assert.ok(first['@odata.nextLink'].startsWith(`${base}/v1.0/`));
  await new PageIterator(client, first, (device) => names.push(device.deviceName)).iterate();
  assert.deepEqual(names, ['iphone-of-anna', 'iphone-of-bert', 'iphone-of-carl']);
  assert.equal(Number(await client.api(`${path}/$count`).get()), 3);
  assert.deepEqual((await client.api(path).skip(2).orderby('deviceName').get()).value.map((one) => one.id), [devices.carl]);
});

test('a device gets another user and its own back', async () => {
  const path = `/deviceManagement/managedDevices/${devices.carl}`;
  for (const name of ['anna', 'carl']) {
    const reference = { '@odata.id': `${base}/beta/users/${users[name]}` };
    await client.api(`${path}/users/$ref`).version('beta').post(reference);
    const device = await client.api(path).expand('users').get();
    assert.deepEqual([device.userId, device.users.map((user) => user.displayName)], [users[name], [name]]);
  }
});

test('a connector is read, changed as a whole and sent back', async () => {
  const path = '/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92';
  const read = await client.api(path).get();
  const changed = await client.api(path).patch({ ...read, iosEnabled: true, partnerUnresponsivenessThresholdInDays: 5 });
  assert.deepEqual([changed.partnerState, changed.partnerUnresponsivenessThresholdInDays], ['enabled', 5]);
  const back = await client.api(path).patch({ ...changed, partnerUnresponsivenessThresholdInDays: 7 });
  assert.equal(back.partnerUnresponsivenessThresholdInDays, 7);
});

test('a conditional access policy is read, changed as a whole and sent back', async (t) => {
  const made = await client.api(access).post({
    displayName: 'From JavaScript',
    state: 'disabled',
    conditions: {
      clientAppTypes: ['all'],
      applications: { includeApplications: ['All'] },
      users: { includeUsers: [users.anna] },
    },
    grantControls: { operator: 'OR', builtInControls: ['mfa', 'compliantDevice'] },
  });
  const path = `${access}/${made.id}`;
  t.after(() => client.api(path).delete());
  assert.deepEqual([made.state, made.conditions.users.excludeUsers, made.sessionControls], ['disabled', [], null]);
  const read = await client.api(path).get();
  await client.api(path).patch({ ...read, state: 'enabledForReportingButNotEnforced' });
  const changed = await client.api(path).get();
  assert.equal(changed.state, 'enabledForReportingButNotEnforced');
  assert.deepEqual(changed.conditions, read.conditions);

  const identity = { '@odata.type': '#microsoft.graph.userSignIn', userId: users.bert };
  const context = {
    '@odata.type': '#microsoft.graph.applicationContext',
    includeApplications: ['00000003-0000-0ff1-ce00-000000000000'],
  };
  const whatIf = await client.api('/identity/conditionalAccess/evaluate').post({
    signInIdentity: identity,
    signInContext: context,
    signInConditions: { devicePlatform: 'iOS', clientAppType: 'browser' },
    appliedPoliciesOnly: false,
  });
  const result = whatIf.value.find((one) => one.id === made.id);
  assert.deepEqual([result.policyApplies, result.analysisReasons], [false, 'users']);
});

test('an alert is decided', async () => {
  const found = await client.api('/security/alerts_v2').filter("severity eq 'high'").top(5).get();
  const [alert] = found.value;
  assert.deepEqual([alert.severity, alert.evidence[0].mdeDeviceId], ['high', devices.bert]);
  assert.equal(alert.evidence[0]['@odata.type'], '#microsoft.graph.security.deviceEvidence');
  const path = `/security/alerts_v2/${alert.id}`;
  const changed = await client.api(path).patch({ ...alert, status: 'inProgress', classification: 'truePositive', determination: 'malware' });
  assert.deepEqual([changed.status, changed.classification, changed.determination], ['inProgress', 'truePositive', 'malware']);
  const { value } = await client.api(`${path}/comments`).post({ comment: 'Seen' });
  assert.deepEqual(value.map((one) => one.comment), ['Seen']);
  assert.equal((await client.api(path).patch({ status: 'new' })).status, 'new');
});

test('a site is reported', async () => {
  const path = '/informationProtection/threatAssessmentRequests';
  const report = {
    '@odata.type': '#microsoft.graph.urlAssessmentRequest',
    url: 'http://javascript.example/',
    expectedAssessment: 'block',
    category: 'malware',
  };
  const made = await client.api(path).post(report);
  assert.deepEqual([made.status, made.category, made.contentType], ['pending', 'malware', 'url']);
  assert.deepEqual((await client.api(`${path}/${made.id}`).expand('results').get()).results, []);
});

test('a batch runs its requests in order', async () => {
  const json = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ displayName: 'Batched', mailEnabled: false, mailNickname: 'batched', securityEnabled: true });
  const content = new BatchRequestContent([
    { id: '1', request: new Request(`${base}/v1.0/groups`, { method: 'POST', headers: json, body }) },
    { id: '2', dependsOn: ['1'], request: new Request(`${base}/v1.0/groups?$filter=displayName eq 'Batched'&$select=id`) },
    { id: '3', dependsOn: ['2'], request: new Request(`${base}/v1.0/users/nobody@corp.example`) },
    { id: '4', dependsOn: ['3'], request: new Request(`${base}/v1.0/users`) },
  ]);
  const answer = new BatchResponseContent(await client.api('/$batch').post(await content.getContent()));
  const [made, found, missing, after] = ['1', '2', '3', '4'].map((id) => answer.getResponseById(id));
  assert.deepEqual([made.status, found.status, missing.status, after.status], [201, 200, 404, 424]);
  const { id } = await made.json();
  assert.deepEqual((await found.json()).value.map((one) => one.id), [id]);
  assert.equal((await missing.json()).error.code, 'ResourceNotFound');
  assert.equal((await after.json()).error.code, 'FailedDependency');
  await client.api(`/groups/${id}`).delete();
  await refused(client.api(`/groups/${id}`).get(), 404, 'ResourceNotFound');
});

test('errors say what was wrong', async () => {
  await refused(client.api(compliance).post({ ...policy('x'), passcodeMinimumLength: 99 }), 400, 'BadRequest', /passcodeMinimumLength/);
  const lower = { ...policy('x'), deviceThreatProtectionRequiredSecurityLevel: 'Medium' };
  await refused(client.api(compliance).post(lower), 400, 'BadRequest', /deviceThreatProtectionRequiredSecurityLevel/);
  await refused(client.api('/deviceManagement/managedDevices').filter('nothing eq 1').get(), 400, 'BadRequest', /nothing/);
  await refused(client.api('/groups').expand('owners').get(), 400, 'BadRequest', /owners/);
  await refused(client.api('/nothing').get(), 404, 'ResourceNotFound', /api-coverage/);
});

test('a client without the role, and one with a wrong secret', async () => {
  const reader = graph('reader');
  assert.equal((await reader.api('/users').select('id').get()).value.length, 3);
  await refused(reader.api('/groups').get(), 403, 'Forbidden', /Group\.Read\.All/);
  await refused(reader.api('/users').post({ displayName: 'x', userPrincipalName: 'x@corp.example' }), 403, 'Forbidden');
  await assert.rejects(graph('reader', 'wrong').api('/users').get(), /AADSTS7000215/);
});

test('directory objects are searched, expanded and cast', async (t) => {
  const staff = await group(t, 'Searched', users.anna, devices.bert);
  const found = await client.api('/groups').header('ConsistencyLevel', 'eventual').search('"displayName:searc"').expand('members($select=id)').get();
  assert.deepEqual(found.value.map((one) => [one.id, one.members.length]), [[staff, 2]]);
  assert.deepEqual(Object.keys(found.value[0].members[0]).filter((name) => !name.startsWith('@')), ['id']);
  const cast = await client.api(`/groups/${staff}/members/microsoft.graph.device`).get();
  assert.deepEqual(cast.value.map((one) => [one['@odata.type'], one.deviceId]), [['#microsoft.graph.device', devices.bert]]);
  assert.equal(Number(await client.api(`/groups/${staff}/members/$count`).get()), 2);
  const both = await client.api('/directoryObjects/getByIds').post({ ids: [staff, users.carl], types: ['user'] });
  assert.deepEqual(both.value.map((one) => one.userPrincipalName), ['carl@corp.example']);
});

test('an app protection policy is read, changed as a whole and sent back', async (t) => {
  const apps = '/deviceAppManagement/iosManagedAppProtections';
  const made = await client.api(apps).version('beta').post({
    '@odata.type': '#microsoft.graph.iosManagedAppProtection',
    displayName: 'From JavaScript',
    maximumAllowedDeviceThreatLevel: 'medium',
    mobileThreatDefenseRemediationAction: 'wipe',
    periodOfflineBeforeAccessCheck: 'PT6H',
    apps: [{ mobileAppIdentifier: { '@odata.type': '#microsoft.graph.iosMobileAppIdentifier', bundleId: 'org.example.mail' } }],
  });
  const path = `${apps}/${made.id}`;
  t.after(() => client.api(path).delete());
  const read = await client.api(path).version('beta').expand('apps').get();
  assert.deepEqual(
    [read.maximumAllowedDeviceThreatLevel, read.periodOfflineBeforeAccessCheck, read.apps[0].mobileAppIdentifier.bundleId],
    ['medium', 'PT6H', 'org.example.mail'],
  );
  const etag = read['@odata.etag'];
  const changed = await client.api(path).version('beta').header('If-Match', etag).patch({ ...read, minimumPinLength: 6 });
  assert.deepEqual([changed.minimumPinLength, changed.maximumAllowedDeviceThreatLevel], [6, 'medium']);
  await refused(client.api(path).header('If-Match', etag).patch({ ...read, minimumPinLength: 8 }), 412, 'resourceModified');
  const target = { '@odata.type': '#microsoft.graph.allLicensedUsersAssignmentTarget' };
  await client.api(`${path}/assign`).post({ assignments: [{ target }] });
  assert.deepEqual((await client.api(`${path}/assignments`).get()).value.map((one) => one.target), [target]);
});

test('a token is kept until it ends', async () => {
  const asking = credential('reader');
  const [first, second] = [await asking.getToken(`${base}/.default`), await asking.getToken(`${base}/.default`)];
  assert.equal(first.token, second.token);
  assert.ok(first.expiresOnTimestamp > Date.now() + 3_000_000);
});
