/** What changes, drops and chooses records between a connector and the converters: the contract, a user's own included. */
import type { ConfigDef, RawConfig } from '../config/config-def.ts';
import type { SourceRecord } from '../record/source-record.ts';

/** Synchronous, as it runs for every record. A record is never changed in place: its schema objects may be shared. */
export interface Transform {
  /** The record as it goes on, or null to drop it. What it throws concerns this one record. */
  apply(record: SourceRecord): SourceRecord | null;
}

export interface Predicate {
  test(record: SourceRecord): boolean;
}

interface TransformPluginBase {
  /** `org.apache.kafka.connect.transforms.HoistField$Value`; without its package it is known, too. */
  readonly className: string;
  readonly version: string;
  readonly config: ConfigDef;
}

export interface TransformClass extends TransformPluginBase {
  readonly kind: 'transformation';
  /** The configuration holds the transform's own keys, without prefix. CONFIG_INVALID where it is wrong. */
  make(config: RawConfig): Transform;
}

export interface PredicateClass extends TransformPluginBase {
  readonly kind: 'predicate';
  make(config: RawConfig): Predicate;
}

/** What a connector's `transforms` and `predicates` may name. */
export interface TransformCatalogue {
  readonly transforms: readonly TransformClass[];
  readonly predicates: readonly PredicateClass[];
}

/** Of Kafka Connect, whose documented behaviour the transforms and predicates here follow. */
export const connectVersion = '4.1.0';
