/** The lines of one request, published: a promise for all of them, none for a line. */
import { noHeaders } from '../../record/record.ts';
import type { GatewayFault } from '../../wire/gateway/codes.ts';
import type { PublishRequest } from '../../wire/gateway/frames.ts';
import { errorFrame, type Placement, placementMembers } from '../../wire/gateway/server-frames.ts';
import { checkMayPublish } from '../may-publish.ts';
import { PendingPublish, type PublishAnswer } from '../pending-publish.ts';
import { countPublished } from './count-published.ts';
import type { HttpContext } from './http-context.ts';
import { faultOfRequest, publishOf } from './publish-of.ts';

export interface LinesAnswer {
  /** A result a line, in their order. */
  readonly text: string;
  /** One of them could not be published. */
  readonly failed: boolean;
}

/** The token of a publish is the number of its line. */
export class PublishedLines implements PublishAnswer<number> {
  readonly #context: HttpContext;
  readonly #results: string[];
  readonly #done = Promise.withResolvers<LinesAnswer>();
  #waiting: number;
  #failed = false;

  /** Of each line is one publish. */
  constructor(context: HttpContext, lines: readonly string[]) {
    this.#context = context;
    this.#results = new Array<string>(lines.length).fill('');
    this.#waiting = lines.length;
    if (lines.length === 0) this.#done.resolve({ text: '', failed: false });
    for (let line = 0; line < lines.length; line++) this.#publish(line, lines[line]!);
  }

  get done(): Promise<LinesAnswer> {
    return this.#done.promise;
  }

  /** Of one of its publishes. */
  stored(place: Placement, publish: PendingPublish<number>): void {
    countPublished(this.#context.parts.metrics, publish);
    this.#answered(publish.token, `{${placementMembers(place)}}`);
  }

  /** Of one of its publishes. */
  failed(error: unknown, { token: line }: PendingPublish<number>): void {
    const fault = faultOfRequest(error);
    this.#context.parts.metrics.publishError(fault.code);
    this.#refused(line, fault);
  }

  #publish(line: number, text: string): void {
    const { parts, topic } = this.#context;
    let request: PublishRequest;
    try {
      request = publishOf(text, topic);
    } catch (error) {
      this.#refused(line, faultOfRequest(error)); // no publish yet that the metrics could count as failed
      return;
    }
    const pending = new PendingPublish(request, noHeaders, parts.clock.monotonicMs(), this, line);
    try {
      checkMayPublish(this.#context.rights, request, parts.metrics);
    } catch (error) {
      this.failed(error, pending);
      return;
    }
    if (request.mid === null) parts.publisher.write(pending);
    else {
      parts.publisher.publish(request, this.#context.identity.principal, noHeaders).then(
        (place) => this.stored(place, pending),
        (error: unknown) => this.failed(error, pending),
      );
    }
  }

  #refused(line: number, fault: GatewayFault): void {
    this.#failed = true;
    this.#answered(line, errorFrame(null, fault));
  }

  #answered(line: number, result: string): void {
    this.#results[line] = result;
    if (--this.#waiting > 0) return;
    const text = this.#results.map((each) => `${each}\n`).join('');
    this.#done.resolve({ text, failed: this.#failed });
  }
}
