/**
 * What the package exports: streaming SQL, and its sources and sinks, inside a program of one's own.
 *
 *     import { createApplication } from '@tributary/tributary';
 *
 * `docs/embedding.md` shows it by examples.
 */
// biome-ignore lint/performance/noBarrelFile: what a package exports has to stand in one file
export { TributaryError } from '../../base/errors.ts';
export type { Broker } from '../../broker/broker.ts';
export { SqlError, type SqlErrorCode } from '../../sql/sql-error.ts';
export {
  type Application,
  type ApplicationOptions,
  type ApplicationState,
  type ApplicationStatus,
  createApplication,
  type RowListener,
} from './application.ts';
export { createSink, createSource, type EndpointOptions, type Sink, type Source } from './endpoints.ts';
export type { Environment } from './environment.ts';
export type { PlainJson, PlainObject, PlainRow, PlainValue } from './rows.ts';
