/** Plugins as users write them in the form that the worker knows. What they give back is checked where it comes in. */
import { TributaryError } from '../base/errors.ts';
import { type ConfigDef, define, parse } from '../config/config-def.ts';
import type { Option } from '../config/option.ts';
import { parseValue } from '../config/parse-value.ts';
import type { Connector, SourceBatch } from '../connectors/contract.ts';
import type { ConverterClass } from '../convert/converters.ts';
import { noSourceHeaders, type SourceRecord } from '../record/source-record.ts';
import type { PredicateClass, TransformClass } from '../transform/transform.ts';
import type {
  ConverterPlugin,
  PluginBatch,
  PluginOption,
  PluginRecord,
  PredicatePlugin,
  SinkPlugin,
  SourcePlugin,
  TransformPlugin,
} from './plugin-contract.ts';

const noVersion = '0.0.0';

export function asTransform(plugin: TransformPlugin): TransformClass {
  const config = definition(plugin.options);
  const { className, version = noVersion } = plugin;
  return {
    kind: 'transformation',
    className,
    version,
    config,
    make(raw) {
      const transform = plugin.make(parse(config, raw));
      requireFunction(className, transform, 'apply');
      return {
        apply(record) {
          const applied = transform.apply(record);
          if (applied !== undefined) return applied;
          throw new TributaryError('TRANSFORM_FAILED', `${className} gave undefined: a record or null is wanted`);
        },
      };
    },
  };
}

export function asPredicate(plugin: PredicatePlugin): PredicateClass {
  const config = definition(plugin.options);
  const { className, version = noVersion } = plugin;
  return {
    kind: 'predicate',
    className,
    version,
    config,
    make(raw) {
      const predicate = plugin.make(parse(config, raw));
      requireFunction(className, predicate, 'test');
      return { test: (record) => predicate.test(record) === true };
    },
  };
}

export function asConverter(plugin: ConverterPlugin): ConverterClass {
  const config = definition(plugin.options);
  const { className } = plugin;
  return {
    className,
    shortName: className,
    config,
    make(raw, { part }) {
      const converter = plugin.make(parse(config, raw), { part });
      requireFunction(className, converter, 'toBytes');
      return {
        passes: () => false,
        toBytes(topic, schema, value) {
          const bytes = converter.toBytes(topic, schema, value);
          if (bytes === null || bytes instanceof Uint8Array) return bytes;
          throw new TributaryError('CONVERSION_FAILED', `${className} gave ${typeof bytes}: bytes or null are wanted`);
        },
      };
    },
  };
}

export function asConnector(plugin: SourcePlugin | SinkPlugin): Connector {
  const config = definition(plugin.options);
  const { name, classNames = [], version = noVersion } = plugin;
  const common = { name, classNames, version, config };
  if (plugin.kind === 'sink') {
    return {
      ...common,
      kind: 'sink',
      tasks: (raw) => [raw],
      open: (raw, context) => plugin.open(parse(config, raw), context as never),
    };
  }
  return {
    ...common,
    kind: 'source',
    tasks: (raw) => [raw],
    async *open(raw, context) {
      for await (const batch of plugin.open(parse(config, raw), context)) {
        yield sourceBatch(name, batch, context.clock.monotonicMs());
      }
    },
  };
}

function sourceBatch(name: string, batch: PluginBatch, receivedAtMs: number): SourceBatch {
  if (!Array.isArray(batch?.records) || batch.records.length === 0) {
    throw new TributaryError(
      'INTERNAL',
      `The connector "${name}" gave a batch without records: at least one is wanted`,
    );
  }
  return {
    records: batch.records.map((record) => sourceRecord(name, record)),
    partition: batch.partition ?? {},
    ...(batch.offset === undefined ? {} : { offset: batch.offset }),
    receivedAtMs,
  };
}

function sourceRecord(name: string, record: PluginRecord): SourceRecord {
  if (typeof record.topic !== 'string') {
    throw new TributaryError('INTERNAL', `The connector "${name}" gave a record without a topic`);
  }
  return {
    topic: record.topic,
    partition: record.partition ?? null,
    key: record.key ?? null,
    keySchema: record.keySchema ?? null,
    value: record.value ?? null,
    valueSchema: record.valueSchema ?? null,
    headers: record.headers ?? noSourceHeaders,
    timestampMs: record.timestampMs ?? null,
  };
}

function definition(options: Readonly<Record<string, PluginOption>> = {}): ConfigDef {
  return define(Object.fromEntries(Object.entries(options).map(([name, option]) => [name, optionOf(name, option)])));
}

function optionOf(
  name: string,
  { type, default: fallback, doc, importance = 'medium', validate }: PluginOption,
): Option<unknown> {
  const parsed = parseValue(type, fallback);
  if (fallback !== undefined && !parsed.ok) {
    throw new TributaryError('CONFIG_INVALID', `Cannot use the default of option "${name}": ${parsed.problem}`);
  }
  return {
    type,
    default: fallback === undefined || !parsed.ok ? undefined : parsed.value,
    ...(validate === undefined ? {} : { validate: (value: unknown) => validate(value) }),
    importance: importance.toUpperCase() as 'HIGH' | 'MEDIUM' | 'LOW',
    doc,
    group: null,
    order: -1,
    width: 'NONE',
    dependents: [],
  };
}

function requireFunction(className: string, made: unknown, member: string): void {
  if (typeof (made as Readonly<Record<string, unknown>> | null | undefined)?.[member] === 'function') return;
  throw new TributaryError('CONFIG_INVALID', `Cannot use "${className}": what it makes has no function "${member}"`);
}
