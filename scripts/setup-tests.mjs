// Before the tests: what they need beside npm's packages. Root on Debian gets it installed; else what is missing is said in
// one sentence, and the tests that need it skip themselves (or fail, where TOOLS_REQUIRED=1).
import { spawnSync } from 'node:child_process';
import { ensureKafka } from '../test/support/kafka.ts';
import { tools } from '../test/support/tools.ts';

const findMissing = () => Object.values(tools).filter((tool) => !tool.isThere());

let missing = findMissing();
if (missing.length > 0 && process.getuid?.() === 0 && canRun('apt-get', ['--version'])) {
  installDebianPackages(packagesOf(missing));
  missing = findMissing();
}
if (missing.length > 0) {
  const names = missing.map(({ name }) => name).join(', ');
  const skipped = [...new Set(missing.map(({ tests }) => tests))].join(', ');
  console.error(
    `Not there: ${names} (Debian: apt-get install ${packagesOf(missing).join(' ')}); these tests are skipped: ${skipped}.`,
  );
}
if (![tools.java, tools.mvn].some((tool) => missing.includes(tool))) {
  try {
    await ensureKafka();
  } catch (error) {
    console.error(`Tests with a real Kafka are skipped, its jars cannot be had: ${error.message}`);
  }
}

function packagesOf(needs) {
  return needs.flatMap(({ debianPackages }) => debianPackages);
}

/** One after the other: a release that lacks one of them still gets the rest. */
function installDebianPackages(names) {
  console.error(`Installing ${names.join(', ')} …`);
  apt('update');
  if (apt('install', '-y', '--no-install-recommends', ...names)) return;
  for (const name of names) apt('install', '-y', '--no-install-recommends', name);
}

function apt(...args) {
  return canRun('apt-get', ['-qq', ...args], { ...process.env, DEBIAN_FRONTEND: 'noninteractive' });
}

function canRun(program, args, env = process.env) {
  return spawnSync(program, args, { stdio: 'ignore', env }).status === 0;
}
