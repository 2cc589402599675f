/** Checks that several transforms share, with the texts of Kafka Connect. */
import type { Validator } from '../config/option.ts';

export const nonEmptyString: Validator<string> = (value) => (value === '' ? 'String must be non-empty' : undefined);

export const nonEmptyList: Validator<readonly string[]> = (value) =>
  value === null || value.length === 0 ? 'Empty list' : undefined;

export const nonNull: Validator<string> = (value) => (value === null ? 'entry must be non null' : undefined);
