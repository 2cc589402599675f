/** `POST /v1/topics/{topic}` (PROTOCOL.md, section 7). */
import { isUtf8 } from 'node:buffer';
import { noHeaders } from '../../record/record.ts';
import type { PublishRequest } from '../../wire/gateway/frames.ts';
import { checkMid, MemberFault } from '../../wire/gateway/publish-members.ts';
import { placementMembers } from '../../wire/gateway/server-frames.ts';
import { integerOf } from '../../wire/gateway/stream-query.ts';
import { asFault, FaultError } from '../faults.ts';
import { checkMayPublish } from '../may-publish.ts';
import { readBody } from './body.ts';
import { countPublished } from './count-published.ts';
import type { HttpContext, RequestContext } from './http-context.ts';
import { publishOf } from './publish-of.ts';
import { PublishedLines } from './published-lines.ts';
import { sendFault, sendJson } from './respond.ts';

const maxLines = 10_000;

export async function publishOverHttp(context: RequestContext): Promise<void> {
  const { request, response, parts } = context;
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read === undefined) {
    const message = `a content type of ${Object.keys(readers).join(', ')} or application/x-ndjson is wanted`;
    if (type !== 'application/x-ndjson') return sendFault(response, { code: 'unsupported', message });
  }
  // Rights come first: what may not be written need not be read. Forced keys are looked at with each record.
  if (context.rights.publish(context.topic) === undefined) {
    parts.metrics.aclDenial('publish');
    return sendFault(response, { code: 'forbidden', message: 'the topic may not be written' });
  }
  const body = await readBody(request, parts.settings.limits.body, context.open);
  if (read === undefined) return publishLines(context, body);
  const place = await write(context, read(body, context));
  sendJson(response, 200, `{${place}}`);
}

/** Results in the order of the lines; one that fails does not stop the others. */
async function publishLines(context: HttpContext, body: Buffer): Promise<void> {
  const lines = textOf(body)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
  if (lines.length > maxLines) {
    throw new FaultError({ code: 'bad_request', message: `at most ${maxLines} lines are taken at once` });
  }
  const { text, failed } = await new PublishedLines(context, lines).done;
  context.response.writeHead(failed ? 207 : 200, { 'content-type': 'application/x-ndjson' });
  context.response.end(text);
}

/** Members of the answer. */
async function write({ parts, identity, rights }: HttpContext, publish: PublishRequest): Promise<string> {
  const { publisher, metrics } = parts;
  try {
    checkMayPublish(rights, publish, metrics);
    const place = await publisher.publish(publish, identity.principal, noHeaders);
    countPublished(metrics, publish);
    return placementMembers(place);
  } catch (error) {
    metrics.publishError(asFault(error).code);
    throw error;
  }
}

const readers: Readonly<Record<string, (body: Buffer, context: HttpContext) => PublishRequest>> = {
  'application/json': (body, context) => {
    const publish = publishOf(textOf(body), context.topic);
    const mid = midOf(context);
    return mid === null ? publish : { ...publish, mid };
  },
  'application/octet-stream': rawPublish,
  'text/plain': rawPublish,
};

function rawPublish(body: Buffer, context: HttpContext): PublishRequest {
  const { query, topic } = context;
  const key = query.get('key');
  const partition = integerOf(query, 'partition', 0, 0x7fff_ffff, -1);
  return {
    topic,
    partition: partition === -1 ? null : partition,
    timestampMs: null,
    mid: midOf(context),
    key: key === null ? null : Buffer.from(key),
    value: body,
    headers: noHeaders,
  };
}

function midOf({ request }: HttpContext): string | null {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' ? checkMid(key) : null;
}

/** What is not UTF-8 would be written as something else than what was sent (RFC 8259, section 8.1). */
function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new MemberFault('the body is not UTF-8');
  return body.toString();
}
