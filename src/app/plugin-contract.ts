/**
 * What a plugin file may export: connectors, transforms, predicates and converters, each under a name of its own. A file is
 * an ES module; it needs to import nothing. These types are for editors:
 * `@type {import('@tributary/tributary/dist/app/plugin-contract.js').TransformPlugin}`.
 */
import type { OptionType } from '../config/option.ts';
import type { SinkTask, SourceContext, SourceMap } from '../connectors/contract.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceHeader, SourceRecord } from '../record/source-record.ts';

export type { SinkRecord, SinkTask, SourceContext, SourceMap } from '../connectors/contract.ts';
export type { Schema } from '../record/schema.ts';
export type { SourceHeader, SourceRecord } from '../record/source-record.ts';

/** An option of a plugin's configuration. */
export interface PluginOption {
  readonly type: OptionType;
  /** Absent: the option is required. null: there is no value by default. */
  readonly default?: unknown;
  readonly doc: string;
  readonly importance?: 'high' | 'medium' | 'low';
  /** What is wrong with a value, undefined for a good one. */
  validate?(value: unknown): string | undefined;
}

/** Values by the names of the options, parsed by their types. */
export type PluginConfig = Readonly<Record<string, unknown>>;

interface PluginBase {
  readonly version?: string;
  readonly options?: Readonly<Record<string, PluginOption>>;
}

export interface TransformPlugin extends PluginBase {
  readonly kind: 'transformation';
  /** `com.example.Upper`: configurations may leave out what stands before the last dot. */
  readonly className: string;
  make(config: PluginConfig): {
    /** The record as it goes on, or null to drop it. Records are not changed in place: give a new one. */
    apply(record: SourceRecord): SourceRecord | null;
  };
}

export interface PredicatePlugin extends PluginBase {
  readonly kind: 'predicate';
  readonly className: string;
  make(config: PluginConfig): { test(record: SourceRecord): boolean };
}

export interface ConverterPlugin extends PluginBase {
  readonly kind: 'converter';
  readonly className: string;
  make(
    config: PluginConfig,
    context: { readonly part: 'key' | 'value' | 'header' },
  ): {
    /** Text may come as the bytes of its UTF-8 form. */
    toBytes(topic: string, schema: Schema | null, value: unknown): Uint8Array | null;
  };
}

/** A record as a source gives it: what is not said is null. */
export interface PluginRecord {
  readonly topic: string;
  readonly value?: unknown;
  readonly valueSchema?: Schema | null;
  readonly key?: unknown;
  readonly keySchema?: Schema | null;
  readonly headers?: readonly SourceHeader[];
  readonly partition?: number | null;
  readonly timestampMs?: number | null;
}

export interface PluginBatch {
  /** At least one. */
  readonly records: readonly PluginRecord[];
  /** Which part of the source they come from. Default {}. */
  readonly partition?: SourceMap;
  /** Position after the last record; `context.resumeOffset(partition)` gives it after a restart. */
  readonly offset?: SourceMap;
}

export interface SourcePlugin extends PluginBase {
  readonly kind: 'source';
  /** Short name: `connector.class: clock`. */
  readonly name: string;
  /** Other names it answers to. */
  readonly classNames?: readonly string[];
  /** Ends when `context.signal` is aborted. The worker pulls: one batch at a time. */
  open(config: PluginConfig, context: SourceContext): AsyncIterable<PluginBatch>;
}

export interface SinkPlugin extends PluginBase {
  readonly kind: 'sink';
  readonly name: string;
  readonly classNames?: readonly string[];
  open(config: PluginConfig, context: SourceContext): Promise<SinkTask>;
}

export type Plugin = TransformPlugin | PredicatePlugin | ConverterPlugin | SourcePlugin | SinkPlugin;
