import { test } from 'node:test';
import { playAllCases } from '../support/gateway/play-all-cases.ts';

test('every case of the gateway passes on the embedded broker', () => playAllCases([]));
