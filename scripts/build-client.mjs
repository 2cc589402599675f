// clients/js/src becomes one module that browsers load as it is, and one file of types: clients/js/dist. Each file's own names
// are the module's, so the files are put together in the order of their imports; a name used twice is a syntax error there.
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../clients/js/', import.meta.url));
const source = join(folder, 'src');
const dist = join(folder, 'dist');

/** Does nothing where what is there is newer than its sources. */
export async function buildClient() {
  const files = readdirSync(source).filter((name) => !name.endsWith('.test.ts'));
  const newest = Math.max(
    ...files.map((name) => statSync(join(source, name)).mtimeMs),
    statSync(import.meta.filename).mtimeMs,
  );
  const built = statSync(join(dist, 'client.d.ts'), { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs > newest) return;
  const { default: ts } = await import('typescript');
  const code = [];
  const types = [];
  for (const name of inOrder('client.ts')) {
    const text = readFileSync(join(source, name), 'utf8');
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
    const script = ts.transpileModule(text, { compilerOptions: { ...options, removeComments: true } }).outputText;
    code.push(withoutImports(script, name === 'client.ts'));
    if (name === 'api.ts') types.push(ts.transpileDeclaration(text, { compilerOptions: options }).outputText);
  }
  types.push('export declare function connect(url?: string | readonly string[], options?: ClientOptions): Client;\n');
  mkdirSync(dist, { recursive: true });
  write('client.js', `${code.join('')}export { GatewayError };\n`);
  write('client.d.ts', types.join(''));
}

/** What a file imports comes before it. Of `import type` nothing is left to put anywhere. */
function inOrder(name, seen = new Set()) {
  if (seen.has(name)) return [];
  seen.add(name);
  const text = readFileSync(join(source, name), 'utf8');
  const imports = [
    ...text.matchAll(/^(?:import|\} from|export type) [^;]*?'\.\/([\w-]+\.ts)'|^\} from '\.\/([\w-]+\.ts)'/gm),
  ];
  return [...imports.flatMap(([, one, other]) => inOrder(one ?? other, seen)), name];
}

/** Only `connect` and the error are the module's: everything else is its own. */
function withoutImports(script, isEntry) {
  const plain = script.replace(/^import [^;]*;\n/gm, '').replace(/^export \{[^}]*\};\n/gm, '');
  return isEntry ? plain.replace(/^export (?!function connect)/gm, '') : plain.replace(/^export /gm, '');
}

/** Whole or not at all: somebody may be reading it. */
function write(name, text) {
  const temporary = join(dist, `${name}.${process.pid}`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(dist, name));
}

if (process.argv[1] === import.meta.filename) await buildClient();
