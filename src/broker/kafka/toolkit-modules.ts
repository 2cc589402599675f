/**
 * Loads parts of the client's package without what hangs on them. Its `Connection` imports the index of all requests, some 230 modules
 * of which we use 27, and what checks options of its clients by schema, which we do not use: together they are two thirds of what
 * loading it costs. So it is loaded under addresses of its own (`mark`), as another copy than the one that a program may have that
 * embeds us, and in this copy the index holds what is named here, and no schema is compiled.
 */
import { registerHooks } from 'node:module';

const mark = '?tributary';
/** Calls that the package makes when it is loaded, and answers that it never asks for. */
const noSchemas = 'export class Ajv2020 { addKeyword() {} compile() { return () => true; } }';

/** The exports of these parts; `apis` are those that the index of requests is to have. */
export async function importParts(
  index: string,
  parts: readonly string[],
  apis: readonly string[],
): Promise<readonly object[]> {
  const folder = new URL('.', index).href;
  const isOurs = (url: string | undefined): boolean => url?.startsWith(folder) === true && url.endsWith(mark);
  const indexOfApis = new URL('apis/index.js', folder).href + mark;
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (!isOurs(context.parentURL)) return next(specifier, context);
      if (specifier === 'ajv/dist/2020.js')
        return { url: `data:text/javascript,${encodeURIComponent(noSchemas)}`, format: 'module', shortCircuit: true };
      const found = next(specifier, context);
      const wantsMark = found.url.startsWith(folder) && !found.url.endsWith(mark);
      return wantsMark ? { ...found, url: found.url + mark } : found;
    },
    load(url, context, next) {
      if (url === indexOfApis) return { format: 'module', source: sourceOf(apis), shortCircuit: true };
      return next(url, context);
    },
  });
  try {
    return await Promise.all(parts.map((part) => import(new URL(part, folder).href + mark) as Promise<object>));
  } finally {
    hooks.deregister();
  }
}

/** The folder of each kind of request, by the first words of their names. */
const folders: Readonly<Record<string, RegExp>> = {
  producer: /^(addOffsets|addPartitions|endTxn|initProducer|txnOffset)/,
  metadata: /^(apiVersions|findCoordinator|metadata)/,
  consumer: /^(heartbeat|join|leave|listOffsets|offsetCommit|offsetFetch|sync)/,
  security: /^sasl/,
};

/** `metadataV12` is exported by `metadata/metadata-v12.js`. */
function sourceOf(apis: readonly string[]): string {
  const exported = apis.map((name) => {
    const [folder = 'admin'] = Object.entries(folders).find(([, names]) => names.test(name)) ?? [];
    const file = name.replace(/V(\d+)$/, '-v$1').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return `export * as ${name} from './${folder}/${file}.js';`;
  });
  return ["export * from './callbacks.js';", ...exported].join('\n');
}
