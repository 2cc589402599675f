/** What the process that supervises a gateway's processes and those say to each other. */
import type { ErrorCode } from '../../base/errors.ts';
import type { Refusal } from '../../gateway/places.ts';
import type { Readiness } from '../../gateway/server.ts';
import type { GatewayStartOptions } from '../gateway-start.ts';
import type { FamilySnapshot } from './merged-metrics.ts';

export type Order =
  | {
      readonly kind: 'serve';
      readonly options: GatewayStartOptions;
      /** With the port that all of them share. */
      readonly listen: string;
      readonly number: number;
    }
  | { readonly kind: 'drain' }
  | Question
  /** What was prepared is not to be applied: another process could not. */
  | { readonly kind: 'abandon' }
  | { readonly kind: 'placed'; readonly id: number; readonly refusal: Refusal | undefined }
  | { readonly kind: 'claimed'; readonly id: number; readonly isGranted: boolean };

export type Question =
  | { readonly kind: 'look'; readonly id: number }
  /** Each reads the files itself, and checks them: no secret goes from process to process. */
  | { readonly kind: 'prepare'; readonly id: number }
  /** What it has prepared holds from now on. */
  | { readonly kind: 'apply'; readonly id: number };

export type Report =
  | { readonly kind: 'ready'; readonly url: string }
  /** It could not begin, and ends. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  | Answer
  | { readonly kind: 'take'; readonly id: number; readonly ip: string; readonly principal: string | null }
  | { readonly kind: 'claim'; readonly id: number; readonly principal: string }
  | { readonly kind: 'leave'; readonly ip: string | null; readonly principal: string | null };

export type Answer =
  | {
      readonly kind: 'looked';
      readonly id: number;
      readonly families: readonly FamilySnapshot[];
      readonly readiness: Readiness;
    }
  | {
      readonly kind: 'prepared';
      readonly id: number;
      /** Why it cannot be applied. */
      readonly problem: string | undefined;
    }
  | {
      readonly kind: 'applied';
      readonly id: number;
      /** That take a restart. */
      readonly keys: readonly string[];
    };
