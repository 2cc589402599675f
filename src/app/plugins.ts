/** Plugins of users: ES modules that export what `plugin-contract.ts` describes. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeError, TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Connector } from '../connectors/contract.ts';
import { type ConverterClass, converterClasses } from '../convert/converters.ts';
import { builtInTransforms } from '../transform/catalogue.ts';
import type { PredicateClass, TransformCatalogue, TransformClass } from '../transform/transform.ts';
import { loadConnectors } from './connectors.ts';
import { asConnector, asConverter, asPredicate, asTransform } from './plugin-adapters.ts';
import type { Plugin } from './plugin-contract.ts';

/** Everything that configurations may name, that of users last. */
export interface Plugins {
  readonly connectors: readonly Connector[];
  readonly transforms: TransformCatalogue;
  readonly converterClasses: readonly ConverterClass[];
}

/** CONFIG_INVALID names the file and what it lacks, or the name that two have. Relative paths start from the folder. */
export async function loadPlugins(paths: readonly string[], folder: string): Promise<Plugins> {
  const connectors = [...(await loadConnectors())];
  const transforms: TransformClass[] = [...builtInTransforms.transforms];
  const predicates: PredicateClass[] = [...builtInTransforms.predicates];
  const converters: ConverterClass[] = [...converterClasses];
  for (const path of paths) {
    const file = isAbsolute(path) ? path : resolve(folder, path);
    for (const plugin of await pluginsIn(file)) {
      switch (plugin.kind) {
        case 'source':
        case 'sink':
          add(file, connectors, asConnector(plugin), ({ name }) => name);
          break;
        case 'transformation':
          add(file, transforms, asTransform(plugin), ({ className }) => className);
          break;
        case 'predicate':
          add(file, predicates, asPredicate(plugin), ({ className }) => className);
          break;
        case 'converter':
          add(file, converters, asConverter(plugin), ({ className }) => className);
          break;
      }
    }
  }
  return { connectors, transforms: { transforms, predicates }, converterClasses: converters };
}

/**
 * Files of a `plugin.path` as Kafka Connect knows it: folders whose modules (`.mjs`, `.js`, `.ts`) are taken, or modules.
 * What holds none, such as a folder of Java archives, is passed over.
 */
export function modulesIn(pluginPath: readonly string[]): readonly string[] {
  return pluginPath.flatMap((path) => {
    if (!existsSync(path)) return [];
    if (!statSync(path).isDirectory()) return isModule(path) ? [path] : [];
    return readdirSync(path)
      .filter(isModule)
      .sort()
      .map((name) => join(path, name));
  });
}

function isModule(path: string): boolean {
  return /\.(mjs|js|ts)$/.test(path) && !path.endsWith('.d.ts');
}

async function pluginsIn(file: string): Promise<readonly Plugin[]> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const reason = existsSync(file) ? describeError(error) : 'there is no such file';
    throw new TributaryError('CONFIG_INVALID', `Cannot load the plugin "${file}": ${reason}`, { cause: error });
  }
  const found = Object.entries(module).filter(
    ([name, value]) => name !== 'default' && typeof value === 'object' && value !== null && 'kind' in value,
  );
  if (found.length === 0) {
    const hint = 'default' in module ? ' Plugins are named exports, not the default one.' : '';
    throw new TributaryError(
      'CONFIG_INVALID',
      `Cannot use the plugin "${file}": it exports no object with a kind (${kinds.join(', ')}).${hint}`,
    );
  }
  return found.map(([name, value]) => checked(file, name, value as Readonly<Record<string, unknown>>));
}

const kinds = ['source', 'sink', 'transformation', 'predicate', 'converter'] as const;

/** Members that a plugin of each kind must have, with their types. */
const members: Readonly<Record<(typeof kinds)[number], Readonly<Record<string, 'string' | 'function'>>>> = {
  source: { name: 'string', open: 'function' },
  sink: { name: 'string', open: 'function' },
  transformation: { className: 'string', make: 'function' },
  predicate: { className: 'string', make: 'function' },
  converter: { className: 'string', make: 'function' },
};

const optionTypes = ['BOOLEAN', 'STRING', 'INT', 'SHORT', 'LONG', 'DOUBLE', 'LIST', 'CLASS', 'PASSWORD'];

function checked(file: string, name: string, value: Readonly<Record<string, unknown>>): Plugin {
  const refuse = (problem: string): never => {
    throw new TributaryError('CONFIG_INVALID', `Cannot use "${name}" of the plugin "${file}": ${problem}`);
  };
  const kind = kinds.find((known) => known === value['kind']);
  if (kind === undefined) {
    return refuse(
      `its kind "${String(value['kind'])}" is none of ${kinds.join(', ')}.${suggest(String(value['kind']), kinds)}`,
    );
  }
  for (const [member, type] of Object.entries(members[kind])) {
    if (typeof value[member] !== type)
      refuse(`a ${kind} has a ${type} "${member}", this one has ${typeof value[member]}`);
  }
  for (const [option, declared] of Object.entries((value['options'] ?? {}) as Readonly<Record<string, unknown>>)) {
    const { type, doc } = (declared ?? {}) as { readonly type?: unknown; readonly doc?: unknown };
    if (!optionTypes.includes(type as string))
      refuse(`the type of option "${option}" must be one of ${optionTypes.join(', ')}`);
    if (typeof doc !== 'string') refuse(`option "${option}" has no doc`);
  }
  return value as unknown as Plugin;
}

function add<T>(file: string, known: T[], added: T, nameOf: (one: T) => string): void {
  const name = nameOf(added);
  if (known.some((one) => nameOf(one) === name)) {
    throw new TributaryError('CONFIG_INVALID', `Cannot use the plugin "${file}": there is a "${name}" already`);
  }
  known.push(added);
}
