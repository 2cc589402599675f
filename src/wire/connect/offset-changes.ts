/** The body of `PATCH /connectors/{c}/offsets`, and what is answered to a change of offsets. */
import { kindOf } from './connector-config.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export interface OffsetChange {
  readonly partition: JsonObject | null;
  /** null deletes the offset. */
  readonly offset: JsonObject | null;
}

export type OffsetChangesResult =
  | { readonly ok: true; readonly changes: readonly OffsetChange[] }
  | { readonly ok: false; readonly problem: string };

/** No offsets at all are an empty list. */
export function parseOffsetChanges(body: unknown): OffsetChangesResult {
  if (!isObject(body)) return bad(`the body must be a JSON object, not ${kindOf(body)}`);
  const unknown = Object.keys(body).find((member) => member !== 'offsets');
  if (unknown !== undefined) return bad(`unknown member "${unknown}", there is "offsets"`);
  const { offsets = null } = body;
  if (offsets === null) return { ok: true, changes: [] };
  if (!Array.isArray(offsets)) return bad(`"offsets" must be an array, not ${kindOf(offsets)}`);
  const changes: OffsetChange[] = [];
  for (const entry of offsets as readonly unknown[]) {
    if (!isObject(entry)) return bad(`an entry of "offsets" must be an object, not ${kindOf(entry)}`);
    const { partition = null, offset = null, ...others } = entry;
    const [other] = Object.keys(others);
    if (other !== undefined) return bad(`unknown member "${other}" in an entry, there are "partition" and "offset"`);
    if (!isObjectOrNull(partition)) return bad(`"partition" must be an object, not ${kindOf(partition)}`);
    if (!isObjectOrNull(offset)) return bad(`"offset" must be an object or null, not ${kindOf(offset)}`);
    changes.push({ partition, offset });
  }
  return { ok: true, changes };
}

/** Few connectors confirm: those that keep offsets nowhere else, and say so. */
export function offsetsChanged(what: 'altered' | 'reset', isConfirmed: boolean): { readonly message: string } {
  if (isConfirmed) return { message: `The offsets for this connector have been ${what} successfully` };
  return {
    message:
      `The Connect framework-managed offsets for this connector have been ${what} successfully. However, if this ` +
      `connector manages offsets externally, they will need to be manually ${what} in the system that the connector uses.`,
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjectOrNull(value: unknown): value is JsonObject | null {
  return value === null || isObject(value);
}

function bad(problem: string): OffsetChangesResult {
  return { ok: false, problem: `Cannot change offsets: ${problem}` };
}
