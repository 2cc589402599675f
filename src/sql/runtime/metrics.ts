import type { Metrics } from '../../telemetry/metrics.ts';
import type { Application } from '../plan/application.ts';

/** What each stream carried and each query keeps, read from the application when somebody asks. */
export function declareMetrics(application: Application, metrics: Metrics): void {
  const { streams, queries } = application.statistics();
  for (const [index, { stream }] of streams.entries()) {
    const read = (field: 'rows' | 'dropped' | 'state' | 'refused') => () =>
      application.statistics().streams[index]![field] ?? 0;
    const labels = { stream };
    metrics.gauge('tributary_sql_stream_rows', 'Rows that a stream has carried', read('rows'), labels);
    metrics.gauge(
      'tributary_sql_stream_dropped',
      'Messages and rows that a stream could not take',
      read('dropped'),
      labels,
    );
    if (streams[index]!.state === undefined) continue;
    metrics.gauge('tributary_sql_table_rows', 'Rows that a table holds', read('state'), labels);
    metrics.gauge('tributary_sql_table_refused', 'Rows refused because a table was full', read('refused'), labels);
  }
  for (const [index, { query, target }] of queries.entries()) {
    const read = (field: 'rowsIn' | 'rowsOut' | 'late' | 'keyless' | 'state' | 'stateLimit' | 'refused') => () =>
      application.statistics().queries[index]![field];
    const labels = { query: String(query + 1), target };
    metrics.gauge('tributary_sql_query_rows_in', 'Rows that a query has read', read('rowsIn'), labels);
    metrics.gauge('tributary_sql_query_rows_out', 'Rows that a query has written', read('rowsOut'), labels);
    metrics.gauge('tributary_sql_query_late', 'Rows whose windows were closed when they came', read('late'), labels);
    metrics.gauge(
      'tributary_sql_query_keyless',
      'Rows without a key of the partition that came while a query had no key, since the start',
      read('keyless'),
      labels,
    );
    metrics.gauge(
      'tributary_sql_query_state',
      'Rows, groups and partial matches that a query keeps',
      read('state'),
      labels,
    );
    metrics.gauge('tributary_sql_query_state_limit', 'Most that a query may keep', read('stateLimit'), labels);
    metrics.gauge('tributary_sql_query_refused', 'Rows refused because a query kept its most', read('refused'), labels);
  }
  metrics.gauge(
    'tributary_sql_looped',
    'Rows that had gone in a circle of queries too often',
    () => application.looped,
  );
}
