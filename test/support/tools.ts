/** Programs beside npm's packages that some tests need. Without one its tests are skipped with the reason. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export type Tool = 'java' | 'javac' | 'mvn' | 'kcat' | 'openssl' | 'c' | 'promtool' | 'nchan' | 'chromium';

export interface ToolNeed {
  /** As a sentence names it. */
  readonly name: string;
  readonly debianPackages: readonly string[];
  /** Which tests are skipped without it. */
  readonly tests: string;
  isThere(): boolean;
}

export const nginxBinary = '/usr/sbin/nginx';
export const chromiumBinary = '/usr/bin/chromium';
export const nchanModule = '/usr/lib/nginx/modules/ngx_nchan_module.so';

const oldestJava = 17;
const headers = '#include <zlib.h>\n#include <openssl/evp.h>\n';

export const tools: Readonly<Record<Tool, ToolNeed>> = {
  java: {
    name: `Java ${oldestJava} or newer`,
    debianPackages: ['default-jre-headless'],
    tests: 'those with a real Kafka',
    isThere: () => javaVersion(run('java', ['-version'])) >= oldestJava,
  },
  javac: {
    name: "Java's compiler",
    debianPackages: ['default-jdk-headless'],
    tests: 'those with a real Kafka Connect',
    isThere: () => run('javac', ['-version']) !== undefined,
  },
  mvn: {
    name: 'Maven',
    debianPackages: ['maven'],
    tests: 'those with a real Kafka',
    isThere: () => run('mvn', ['--version']) !== undefined,
  },
  kcat: {
    name: 'kcat',
    debianPackages: ['kcat'],
    tests: 'those that read Kafka with kcat',
    isThere: () => run('kcat', ['-V']) !== undefined,
  },
  openssl: {
    name: 'openssl',
    debianPackages: ['openssl'],
    tests: 'those of TLS',
    isThere: () => run('openssl', ['version']) !== undefined,
  },
  c: {
    name: 'make and a C compiler with the headers of zlib and OpenSSL',
    debianPackages: ['build-essential', 'zlib1g-dev', 'libssl-dev'],
    tests: 'those of the benchmarks',
    isThere: () => run('make', ['--version']) !== undefined && run('cc', ['-E', '-xc', '-'], headers) !== undefined,
  },
  promtool: {
    name: 'promtool',
    debianPackages: ['prometheus'],
    tests: "Prometheus' check of the metrics",
    isThere: () => run('promtool', ['--version']) !== undefined,
  },
  nchan: {
    name: 'nginx with nchan',
    debianPackages: ['nginx', 'libnginx-mod-nchan'],
    tests: 'those with nchan',
    isThere: () => existsSync(nginxBinary) && existsSync(nchanModule),
  },
  chromium: {
    name: 'Chromium',
    debianPackages: ['chromium'],
    tests: 'those in a browser',
    isThere: () => existsSync(chromiumBinary),
  },
};

/**
 * Why tests that need these are skipped, or false. With TOOLS_REQUIRED=1 a tool that is not there is a failure; so it is with
 * the variable `requiredBy`, for tests that have one of their own.
 */
export function toolsMissing(wanted: readonly Tool[], requiredBy = 'TOOLS_REQUIRED'): string | false {
  const missing = wanted.map((tool) => tools[tool]).filter((tool) => !tool.isThere());
  if (missing.length === 0) return false;
  const packages = missing.flatMap(({ debianPackages }) => debianPackages).join(' ');
  const sentence = `Not there: ${missing.map(({ name }) => name).join(', ')} (Debian: apt-get install ${packages})`;
  if ([requiredBy, 'TOOLS_REQUIRED'].some((name) => process.env[name] === '1')) throw new Error(sentence);
  return sentence;
}

/** `17` of `openjdk version "17.0.15"`, 8 of `java version "1.8.0_392"`; 0 where there is no version in it. */
export function javaVersion(output: string | undefined): number {
  const [, first = '0', second = '0'] = /version "(\d+)(?:\.(\d+))?/.exec(output ?? '') ?? [];
  return Number(first === '1' ? second : first);
}

/** What it wrote, or undefined where it cannot be started or fails. */
function run(program: string, args: readonly string[], input = ''): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 1e8 });
  return status === 0 ? stdout + stderr : undefined;
}
