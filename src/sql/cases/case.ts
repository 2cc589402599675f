/** One case of a `.jsonl` file: a script, what happens to it, and what must come of it. */
export interface SqlCase {
  readonly id: string;
  readonly note?: string;
  readonly tags?: readonly string[];
  /** Left out where the cases belong to an application whose script is at hand. */
  readonly sql?: string;
  readonly events?: readonly Step[];
  readonly expect?: readonly ExpectedRow[];
  readonly order?: 'exact' | 'any';
  readonly observe?: readonly string[];
  /** Absolute tolerance for numbers. */
  readonly tol?: number;
  readonly schema?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly expect_messages?: readonly { readonly stream: string; readonly text: string }[];
  readonly expect_dropped?: Readonly<Record<string, number>>;
  readonly error?: ExpectedError;
}

export type Step =
  | { readonly stream: string; readonly ts?: number; readonly row: Readonly<Record<string, unknown>> }
  | { readonly stream: string; readonly ts?: number; readonly message: string }
  | { readonly stream: string; readonly ts?: number; readonly message_b64: string }
  | { readonly advance_to: number }
  | { readonly end: true };

export interface ExpectedRow {
  readonly stream: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly ts?: number;
}

export interface ExpectedError {
  readonly code: string;
  readonly line: number;
  readonly column: number;
  readonly message_contains: readonly string[];
}
