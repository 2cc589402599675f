/** What a scenario of the gateway's benchmark is given. */
import type { GatewayReport } from './report.ts';
import type { BenchGateway } from './server.ts';

export interface Sizes {
  readonly subscribers: number;
  readonly many: number;
  /** To each subscriber where more is offered than can be delivered. */
  readonly records: number;
  readonly published: number;
  readonly seconds: number;
  /** Before what is paced, not measured: code is compiled in them. */
  readonly warmSeconds: number;
  readonly settleMs: number;
  /** With the client that never reads, and without. */
  readonly rounds: readonly ('alone' | 'beside')[];
}

export interface Round {
  readonly gateway: BenchGateway;
  readonly sizes: Sizes;
  readonly report: GatewayReport;
  /** Our program alone, without floor and peers. */
  readonly alone: boolean;
}

export type Scenario = (round: Round) => Promise<void>;
