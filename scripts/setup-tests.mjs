// Before the tests: what they need beside npm's packages. What cannot be had is said in one sentence; the tests that need
// it skip themselves (or fail, where KAFKA_REQUIRED=1).
import { spawnSync } from 'node:child_process';

const tools = { java: 'default-jre-headless', mvn: 'maven', kcat: 'kcat', openssl: 'openssl' };

const missing = () => Object.keys(tools).filter((tool) => !isThere(tool));
if (missing().length > 0 && process.getuid?.() === 0 && isThere('apt-get')) installDebianPackages(missing());
const still = missing();
if (still.length > 0) {
  console.error(
    `Tests with a real Kafka need ${still.join(', ')} (Debian: apt-get install ${still.map((tool) => tools[tool]).join(' ')}); ` +
      'without them those tests are skipped.',
  );
} else {
  try {
    const { ensureKafka } = await import('../test/support/kafka.ts');
    await ensureKafka();
  } catch (error) {
    console.error(`Tests with a real Kafka are skipped, its jars cannot be had: ${error.message}`);
  }
}

function isThere(tool) {
  return spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status === 0;
}

function installDebianPackages(wanted) {
  const names = wanted.map((tool) => tools[tool]);
  console.error(`Installing ${names.join(', ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'pipe'], env }).status === 0;
  if (!apt('install', '-y', '--no-install-recommends', ...names)) {
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...names);
  }
}
