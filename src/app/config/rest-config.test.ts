import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { readConnectConfig } from './connect-config.ts';
import { showProblem } from './problem.ts';
import { readYamlConfig } from './yaml-config.ts';

const least = 'bootstrap.servers=h:9092\nkey.converter=a.B\nvalue.converter=a.B\n';
const env = { SECRET: 'canary-secret' };

function connect(text: string) {
  const { config, problems, warnings } = readConnectConfig('w.properties', least + text, [], { env, hostname: 'me' });
  return { rest: config?.rest, problems: problems.map(showProblem), warnings: warnings.map(showProblem) };
}

function yaml(text: string) {
  const { config, problems } = readYamlConfig('a.yaml', text, env);
  return { rest: config?.rest, problems: problems.map(showProblem) };
}

const users = `rest.users.ada.password=\${env:SECRET}\nrest.users.ada.role=ADMIN\nrest.tokens.ci.token=t\nrest.tokens.ci.role=viewer\n`;

test('users and tokens of a worker file, and the same in YAML', () => {
  const inYaml = `rest:\n  users:\n    ada: { password: "\${env:SECRET}", role: ADMIN }\n  tokens:\n    ci: { token: t, role: viewer }\n`;
  for (const { rest, problems } of [connect(users), yaml(inYaml)]) {
    deepEqual(problems, []);
    const names = (accounts: readonly { name: string; role: string }[] = []) => accounts.map((a) => [a.name, a.role]);
    deepEqual(names(rest?.access.accounts.users), [['ada', 'admin']]);
    deepEqual(names(rest?.access.accounts.tokens), [['ci', 'viewer']]);
  }
  deepEqual(connect(users).warnings, []);
});

test('with users a listener may be for everybody', () => {
  const { rest, problems } = connect(`listeners=http://:8083\n${users}`);
  deepEqual(problems, []);
  deepEqual([rest?.isAnonymous, rest?.advertised?.endsWith(':8083')], [false, true]);
});

const tls = 'ssl.keystore.location=/k.pem\nssl.keystore.type=PEM\nssl.truststore.location=/ca.pem\n';

test('a listener that wants client certificates needs no users', () => {
  const { rest, problems } = connect(`listeners=https://:8443\nssl.client.auth=required\n${tls}`);
  deepEqual(problems, []);
  deepEqual(rest?.listeners, [
    {
      host: '0.0.0.0',
      port: 8443,
      serves: 'all',
      tls: { cert: '/k.pem', key: '/k.pem', passphrase: undefined, ca: '/ca.pem', clientAuth: 'required' },
    },
  ]);
});

test('listeners.https.ssl.* alone counts where it is given', () => {
  const own = 'listeners.https.ssl.keystore.location=/own.p12\nlisteners.https.ssl.keystore.password=pw\n';
  const { rest } = connect(`listeners=https://127.0.0.1:1\n${tls}${own}`);
  deepEqual(rest?.listeners[0]?.tls, { pfx: '/own.p12', passphrase: 'pw', ca: undefined, clientAuth: 'none' });
});

test('several listeners, /admin at one of its own', () => {
  const { rest } = connect('listeners=http://127.0.0.1:1,http://127.0.0.1:2\nadmin.listeners=http://127.0.0.1:3');
  deepEqual(
    rest?.listeners.map(({ port, serves }) => [port, serves]),
    [
      [1, 'all-but-admin'],
      [2, 'all-but-admin'],
      [3, 'admin'],
    ],
  );
});

for (const [text, serves] of [
  ['', 'all'],
  ['admin.listeners=', 'all-but-admin'],
  ['admin.listeners=http://127.0.0.1:1', 'all'],
] as const) {
  test(`one listener with "${text}" serves ${serves}`, () => {
    deepEqual(
      connect(`listeners=http://127.0.0.1:1\n${text}`).rest?.listeners.map((listener) => listener.serves),
      [serves],
    );
  });
}

test('statuses name what is advertised', () => {
  equal(connect('').rest?.advertised, undefined);
  equal(connect('rest.advertised.host.name=w1\nrest.advertised.port=80').rest?.advertised, 'w1:80');
  const both = `listeners=http://127.0.0.1:1,https://127.0.0.1:2\n${tls}`;
  equal(connect(`${both}rest.advertised.listener=HTTPS`).rest?.advertised, '127.0.0.1:2');
  deepEqual(connect('rest.advertised.host.name=w1').rest?.access.hosts, ['w1']);
});

test('a worker file shows secrets unless it says otherwise, our own file hides them', () => {
  equal(connect('').rest?.maskSecrets, false);
  equal(connect('rest.mask.secrets=true').rest?.maskSecrets, true);
  equal(yaml('').rest?.maskSecrets, true);
});

const wrong: readonly (readonly [text: string, problem: RegExp])[] = [
  ['rest.users.ada.password=x', /rest\.users\.ada\.role: it is missing: must be viewer, operator, admin/],
  ['rest.users.ada.role=admin', /rest\.users\.ada\.password: it is missing, or empty/],
  ['rest.users.ada.role=root\nrest.users.ada.password=x', /rest\.users\.ada\.role: cannot use "root": must be viewer/],
  ['rest.users.ada.pasword=x', /rest\.users\.ada\.pasword: must be .*Did you mean "password"\?/],
  ['rest.users.a\\:b.role=admin\nrest.users.a\\:b.password=x', /a user name cannot hold a colon/],
  ['rest.tokens.ci.token=$2b$10$canary\nrest.tokens.ci.role=admin', /rest\.tokens\.ci\.token: cannot read this hash/],
  ['listeners=https://127.0.0.1:1', /ssl\.keystore\.location: it is missing/],
  ['listeners=https://127.0.0.1:1\nssl.keystore.location=/k.jks', /a JKS store can only be read by Java/],
  [`listeners=https://127.0.0.1:1\n${tls}ssl.client.auth=maybe`, /ssl\.client\.auth: cannot use "maybe"/],
  ['listeners=ftp://127.0.0.1:1', /listeners: cannot use "ftp:/],
  ['admin.listeners=nowhere', /admin\.listeners: cannot use "nowhere"/],
  ['rest.advertised.listener=https', /rest\.advertised\.listener: cannot use "https": no listener is of that kind/],
  ['rest.advertised.port=http', /rest\.advertised\.port: cannot use "http"/],
  ['response.http.headers.config=put X: y', /response\.http\.headers\.config: cannot use "put X: y"/],
];

for (const [text, problem] of wrong) {
  test(`${JSON.stringify(text)} is refused`, () => {
    const { rest, problems } = connect(text);
    equal(rest, undefined);
    match(problems.join('\n'), problem);
    equal(problems.join('\n').includes('canary'), false);
  });
}

test('an https listener of our own file says which keys it needs', () => {
  deepEqual(yaml('worker.listen: https://127.0.0.1:1').problems, [
    'a.yaml:1: worker.listen: an https:// listener needs rest.tls.cert and rest.tls.key, or rest.tls.pfx',
  ]);
});
