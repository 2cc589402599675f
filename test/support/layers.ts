/** The rules of the house: who may import whom. Pure: the caller hands in the files, so that breaches can be planted. */

export interface SourceFile {
  /** From the project's root, with slashes: `src/record/batch.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Breach {
  readonly path: string;
  readonly what: string;
}

/** Places of the house that each place may import from, besides itself and `base`. `*` is everything. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ['*'],
  app: ['*'],
  base: [],
  record: [],
  telemetry: [],
  config: [],
  net: ['config', 'telemetry'],
  wire: ['record'],
  'broker(port)': ['record'],
  'broker/embedded': ['broker(port)', 'record', 'config'],
  'broker/kafka': ['broker(port)', 'record', 'config', 'net'],
  convert: ['record', 'config'],
  transform: ['record', 'config'],
  registry: ['convert', 'config', 'net'],
  'connectors(contract)': ['record', 'config', 'telemetry', 'net'],
  source: ['record', 'telemetry'],
  connectors: ['connectors(contract)', 'config', 'wire', 'record', 'telemetry', 'net', 'source'],
  worker: [
    'broker(port)',
    'connectors(contract)',
    'convert',
    'registry',
    'transform',
    'config',
    'record',
    'telemetry',
    'net',
  ],
  rest: ['worker', 'telemetry', 'wire', 'config'],
  gateway: ['broker(port)', 'wire', 'record', 'config', 'telemetry'],
  sql: ['record', 'config'],
  'sql/runtime': ['sql', 'broker(port)', 'connectors(contract)', 'convert', 'telemetry', 'record', 'config', 'net'],
  'rest(client)': ['wire'],
  cli: ['app', 'rest(client)'],
};

/** Folders that decide and never act. */
const pure = ['record', 'config', 'wire', 'convert', 'transform', 'sql'];
const pureFiles = /\/(state|session)\.ts$/;
const pureNodeModules = new Set(['node:buffer', 'node:zlib']);
/** Packages without I/O that pure folders may use. */
const purePackages = new Set(['eventsource-parser', 'avsc', 'zod']);
const impure =
  /\b(Date\.now|Math\.random|new Date\(\)|performance\.now|setTimeout|setInterval|setImmediate|queueMicrotask)\b/;

/** Packages and Node modules that only one place may use. */
const owned: readonly { readonly module: RegExp; readonly owner: RegExp; readonly name: string }[] = [
  { module: /^@platformatic\/kafka$/, owner: /^src\/broker\/kafka\//, name: 'the Kafka client' },
  { module: /^node:sqlite$/, owner: /^src\/broker\/embedded\//, name: 'SQLite' },
];

export function layerBreaches(files: readonly SourceFile[]): Breach[] {
  return files.filter(({ path }) => path.startsWith('src/') && !path.endsWith('.test.ts')).flatMap(breachesOf);
}

function breachesOf(file: SourceFile): Breach[] {
  const place = placeOf(file.path);
  const breaches: Breach[] = [];
  const breach = (what: string): void => {
    breaches.push({ path: file.path, what });
  };
  const isPure = (pure.includes(place) && place !== 'sql/runtime') || pureFiles.test(file.path);
  if (!(place in allowed)) breach(`lies in no room of the house ("${place}")`);

  for (const specifier of importsOf(file.text)) {
    if (specifier.startsWith('.')) {
      const target = resolve(file.path, specifier);
      const targetPlace = placeOf(target);
      if (!mayImport(place, targetPlace, file.path, target))
        breach(`${place} must not import ${targetPlace} (${specifier})`);
      continue;
    }
    for (const { module, owner, name } of owned) {
      if (module.test(specifier) && !owner.test(file.path))
        breach(`only ${owner.source.replace(/\\|\^/g, '')} may import ${name}`);
    }
    if (place === 'base' && !specifier.startsWith('node:')) breach(`base imports nothing of others (${specifier})`);
    if (isPure && specifier.startsWith('node:') && !pureNodeModules.has(specifier))
      breach(`pure code must not import ${specifier}`);
    if (isPure && !specifier.startsWith('node:') && !purePackages.has(specifier))
      breach(`pure code must not import ${specifier}`);
  }
  if (isPure) {
    const found = impure.exec(withoutComments(file.text));
    if (found !== null) breach(`pure code must not call ${found[0]}: clock and random source are arguments`);
    const asyncZlib = /import\s*\{([^}]*)\}\s*from\s*'node:zlib'/.exec(file.text)?.[1] ?? '';
    for (const name of asyncZlib.split(',').map((part) => part.trim().split(/\s/)[0] ?? '')) {
      if (name !== '' && name !== 'constants' && !name.endsWith('Sync') && name !== 'crc32' && name !== 'type') {
        breach(`pure code may only use the synchronous part of node:zlib, not ${name}`);
      }
    }
  }
  if (/^export default\b/m.test(file.text)) breach('has a default export');
  return breaches;
}

/** `connectors(contract)`, `broker/kafka`, `record`: the room that a file lies in. */
function placeOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  if (path === 'src/main.ts') return 'main';
  if (/^src\/broker\/[^/]+$/.test(path)) return 'broker(port)';
  if (path === 'src/connectors/contract.ts') return 'connectors(contract)';
  if (path === 'src/rest/client.ts') return 'rest(client)';
  if (first === 'broker') return `broker/${second}`;
  if (first === 'sql' && second === 'runtime') return 'sql/runtime';
  return first;
}

function mayImport(place: string, target: string, from: string, to: string): boolean {
  if (place === 'connectors' && target === 'connectors') return connectorOf(from) === connectorOf(to);
  if (place === target || target === 'base') return true;
  const rule = allowed[place] ?? [];
  return rule.includes('*') || rule.includes(target);
}

function connectorOf(path: string): string {
  return path.split('/')[2] ?? '';
}

/** Specifiers of static imports, re-exports and dynamic imports, types included. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const found: string[] = [];
  for (const pattern of [
    // Of a statement: a text behind a variable called "from" is no import.
    /(?:^|;)\s*(?:import|export)\b[^'";]*\bfrom\s*['"]([^'"]+)['"]/gm,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ]) {
    for (const match of code.matchAll(pattern)) found.push(match[1]!);
  }
  return found;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function resolve(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
