/** The cases as they stand in the files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RecordText {
  readonly key?: string | null;
  readonly key_base64?: string;
  readonly value?: string | null;
  readonly value_base64?: string;
  readonly headers?: readonly {
    readonly name: string;
    readonly value?: string | null;
    readonly value_base64?: string;
  }[];
  readonly partition?: number;
  readonly timestamp?: number;
}

export interface GivenTopic {
  readonly partitions: number;
  readonly records?: readonly RecordText[];
  readonly delete_before?: Readonly<Record<string, number>>;
}

export interface Mint {
  readonly alg: string;
  readonly secret: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly exp_in_s: number;
}

/** One key says what is done; the others say how. */
export type Step = Readonly<Record<string, unknown>>;

export interface Case {
  readonly id: string;
  readonly tags: readonly string[];
  readonly note: string;
  readonly given: {
    readonly topics: Readonly<Record<string, GivenTopic>>;
    readonly config?: Readonly<Record<string, unknown>>;
    readonly mint?: Readonly<Record<string, Mint>>;
  };
  readonly steps: readonly Step[];
}

/** Cases of all files of a folder; vectors are no cases. */
export function readCases(folder: string): Case[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl') && name !== 'vectors.jsonl')
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Case);
}
