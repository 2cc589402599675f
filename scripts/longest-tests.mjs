// The tests that take longest, and therefore begin first.
export const longest = [
  'test/integration/feeds-kafka.test.ts',
  'test/integration/feeds.test.ts',
  'test/e2e/package.test.ts',
  'test/conformance/gateway-kafka.test.ts',
  'test/conformance/gateway.test.ts',
  'test/faults/worker-kafka.test.ts',
  'test/contract/kafka.test.ts',
  'test/faults/broker-kafka-cluster.test.ts',
  'test/e2e/secrets.test.ts',
  'test/e2e/benchmarks.test.ts',
  'test/faults/broker-kafka-network.test.ts',
  'test/integration/kafka-kcat.test.ts',
  'test/e2e/command-line.test.ts',
  'test/conformance/connect/rest-kafka.test.ts',
];
