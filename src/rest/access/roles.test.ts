import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { holds, neededRole, type Role, roles } from './roles.ts';

const table: readonly (readonly [request: string, needed: Role, withoutMasks?: Role])[] = [
  ['GET /', 'viewer'],
  ['GET /metrics', 'viewer'],
  ['GET /connectors', 'viewer'],
  ['GET /connectors/:name', 'viewer', 'operator'],
  ['GET /connectors/:name/', 'viewer', 'operator'],
  ['GET /connectors/:name/config', 'viewer', 'operator'],
  ['GET /connectors/:name/tasks', 'viewer', 'operator'],
  ['GET /connectors/:name/status', 'viewer'],
  ['GET /connectors/:name/tasks/:task/status', 'viewer'],
  ['GET /connectors/:name/offsets', 'viewer', 'operator'],
  ['GET /connectors/:name/tasks-config', 'viewer', 'operator'],
  ['GET /admin/loggers', 'viewer'],
  ['GET /tap/:topic', 'viewer'],
  ['HEAD /connectors/:name', 'viewer', 'operator'],
  ['PUT /connectors/:name/pause', 'operator'],
  ['PUT /connectors/:name/resume', 'operator'],
  ['PUT /connectors/:name/stop', 'operator'],
  ['POST /connectors/:name/restart', 'operator'],
  ['POST /connectors/:name/tasks/:task/restart', 'operator'],
  ['PUT /connectors/:name/topics/reset', 'operator'],
  ['PUT /admin/loggers/:logger', 'operator'],
  ['PUT /connector-plugins/:plugin/config/validate', 'operator'],
  ['POST /sql/check', 'operator'],
  ['POST /sql/explain', 'operator'],
  ['POST /connectors', 'admin'],
  ['PUT /connectors/:name/config', 'admin'],
  ['PATCH /connectors/:name/config', 'admin'],
  ['DELETE /connectors/:name', 'admin'],
  ['PATCH /connectors/:name/offsets', 'admin'],
  ['DELETE /connectors/:name/offsets', 'admin'],
  ['POST /topics', 'admin'],
  ['DELETE /topics/:topic', 'admin'],
  ['POST /produce/:topic', 'admin'],
  ['POST /what/comes/later', 'admin'],
];

for (const [request, masked, clear = masked] of table) {
  test(`${request} needs ${masked}, and ${clear} where secrets are shown`, () => {
    const [method, route] = request.split(' ') as [string, string];
    equal(neededRole(method, route, true), masked);
    equal(neededRole(method, route, false), clear);
  });
}

for (const expand of ['info', ['status', 'info']]) {
  test(`all configurations at once (${expand}) need what one does`, () => {
    for (const method of ['GET', 'HEAD']) {
      equal(neededRole(method, '/connectors', true, expand), 'viewer');
      equal(neededRole(method, '/connectors', false, expand), 'operator');
    }
    equal(neededRole('GET', '/connectors', false, 'status'), 'viewer');
  });
}

test('a path that no route has is for everybody who may look', () =>
  equal(neededRole('PUT', undefined, true), 'viewer'));

for (const [i, role] of roles.entries()) {
  test(`${role} holds what stands before it, and nothing behind`, () => {
    for (const [j, needed] of roles.entries()) equal(holds(role, needed), j <= i);
  });
}
