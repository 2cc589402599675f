/** Asks another worker of the group, by its `/health`, whether it hears the group. */
import { TributaryError } from '../base/errors.ts';
import type { SendToPeer } from '../rest/forwarding.ts';
import type { HealthInfo } from '../wire/connect/server-info.ts';
import type { AskOther } from '../worker/cluster/others.ts';

const timeoutMs = 2_000;

export function askOther(send: SendToPeer): AskOther {
  return async (base, { groupId, clusterId }) => {
    const query = new URLSearchParams({ group: groupId, cluster: clusterId });
    const url = new URL(`/health?${query}`, base).href;
    const headers = { accept: 'application/json' };
    const { status, body } = await send({ method: 'GET', url, headers, body: undefined, timeoutMs });
    // Each status of a worker's health comes with the same members; a refusal (a login that is wanted) with none of them.
    const heard = groupOf(body.toString());
    if (heard === undefined && status >= 400 && status < 500) {
      throw new TributaryError(
        'CONNECTION_FAILED',
        `The worker at ${new URL(base).host} answers /health with ${status}`,
      );
    }
    return heard;
  };
}

function groupOf(text: string): { readonly agoMs: number; readonly forMs: number } | undefined {
  let answer: Partial<HealthInfo> | null;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined; // whatever answers there is no worker of ours
  }
  const { heard_ago_ms: agoMs, heard_for_ms: forMs } = answer?.group ?? {};
  return typeof agoMs === 'number' && typeof forMs === 'number' ? { agoMs, forMs } : undefined;
}
