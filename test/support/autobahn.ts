/**
 * Autobahn|Testsuite, which knows what a WebSocket client and server may do. It is written for Python 2.7 and comes from PyPI, as
 * pinned below, into .cache; nothing is compiled. Where there is no Python 2.7 its tests are skipped with the reason, or fail with
 * AUTOBAHN_REQUIRED=1.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { tempFolder } from './temp-folder.ts';

const version = '25.10.1';
const folder = join(import.meta.dirname, '../../.cache', `autobahn-${version}`);
/** Without their dependencies, which are all here: one of them, an accelerator, would have to be compiled. */
const packages = [
  ...[`autobahntestsuite==${version}`, 'autobahn==0.10.9', 'txaio==2.1.0', 'Twisted==19.10.0', 'zope.interface==4.6.0'],
  ...['incremental==16.10.1', 'constantly==15.1.0', 'Automat==22.10.0', 'attrs==21.4.0', 'hyperlink==21.0.0'],
  ...['idna==2.10', 'typing==3.10.0.0', 'PyHamcrest==1.10.1', 'six==1.16.0', 'jinja2==2.11.3', 'markupsafe==1.1.1'],
  ...['klein==17.10.0', 'Werkzeug==1.0.1', 'unittest2==1.1.0', 'argparse==1.4.0', 'traceback2==1.4.0'],
  ...['linecache2==1.0.0', 'pyOpenSSL==19.1.0', 'cryptography==3.3.2', 'cffi==1.15.1', 'pycparser==2.21'],
  ...['enum34==1.1.10', 'ipaddress==1.0.23'],
];

/** Holds a package `wsaccel`, which Autobahn looks for. */
const accelerator = join(import.meta.dirname, 'autobahn');

export interface Report {
  readonly case: string;
  /** OK, NON-STRICT, INFORMATIONAL, UNIMPLEMENTED, FAILED and the like. */
  readonly behavior: string;
  readonly behaviorClose: string;
}

/** Why the suite cannot be run, or false. */
export function autobahnMissing(): string | false {
  const problem = python() === undefined ? 'Not there: Python 2.7, for Autobahn|Testsuite' : install();
  if (problem !== undefined && process.env['AUTOBAHN_REQUIRED'] === '1') throw new Error(problem);
  return problem ?? false;
}

/**
 * One run of the suite as a server or a client: `specification` is what wstest reads from its file. `work` has it until it is
 * done; then come the reports on the agent.
 */
export async function runAutobahn(
  mode: 'fuzzingserver' | 'fuzzingclient',
  specification: Readonly<Record<string, unknown>>,
  agent: string,
  work: (suite: { readonly ended: Promise<unknown> }) => Promise<void>,
): Promise<Report[]> {
  await using place = await tempFolder('autobahn');
  const file = join(place.path, 'specification.json');
  writeFileSync(file, JSON.stringify({ ...specification, outdir: place.path }));
  const script =
    `import sys; sys.path.insert(0, ${JSON.stringify(accelerator)}); from autobahntestsuite.wstest import run; ` +
    `sys.argv = ["wstest", "-m", "${mode}", "-s", ${JSON.stringify(file)}, "-w", "0"]; run()`;
  const suite = spawn(python()!, ['-u', '-B', '-W', 'ignore', '-c', script], {
    env: { ...process.env, PYTHONUSERBASE: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  suite.stdout.resume();
  const ended = once(suite, 'exit');
  try {
    await work({ ended });
  } finally {
    if (suite.exitCode === null) {
      suite.kill('SIGKILL');
      await ended;
    }
  }
  const index = JSON.parse(readFileSync(join(place.path, 'index.json'), 'utf8')) as Record<string, object>;
  const found = Object.entries(index[agent] ?? {}) as [string, Omit<Report, 'case'>][];
  return found.map(([name, { behavior, behaviorClose }]) => ({ case: name, behavior, behaviorClose }));
}

/** What is not simply right, as `case behavior/behaviorClose`. */
export function notStrict(reports: readonly Report[]): string[] {
  return reports
    .filter(({ behavior, behaviorClose }) => behavior !== 'OK' || behaviorClose !== 'OK')
    .map(({ case: name, behavior, behaviorClose }) => `${name} ${behavior}/${behaviorClose}`);
}

/** Of the path, or of pyenv. */
function python(): string | undefined {
  const versions = join(homedir(), '.pyenv/versions');
  const own = existsSync(versions) ? readdirSync(versions).filter((name) => name.startsWith('2.7.')) : [];
  const candidates = ['python2.7', 'python2', ...own.map((name) => join(versions, name, 'bin/python2.7'))];
  return candidates.find(
    (name) => spawnSync(name, ['-c', 'import sys; assert sys.version_info[:2] == (2, 7)']).status === 0,
  );
}

/** Puts the packages into the cache, once; why that failed. */
function install(): string | undefined {
  if (existsSync(folder)) return undefined;
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const args = ['-m', 'pip', 'install', '--disable-pip-version-check', '--quiet', '--user', '--no-deps', ...packages];
  const { status, stderr } = spawnSync(python()!, args, {
    env: { ...process.env, PYTHONUSERBASE: making },
    encoding: 'utf8',
  });
  if (status !== 0) {
    rmSync(making, { recursive: true, force: true });
    return `Autobahn|Testsuite cannot be had: ${stderr.trim().split('\n').at(-1)}`;
  }
  renameSync(making, folder);
  return undefined;
}
