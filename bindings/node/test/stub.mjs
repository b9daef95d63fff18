/** A server of a few lines, for what the reference server does not do: hang, break off, answer nonsense. */
import { createServer } from 'node:http';
import { once } from 'node:events';

/**
 * Starts a server whose requests go to `handle(request, response)`; the request's whole body is `request.text`.
 * It ends with the test `t`.
 */
export async function stub(t, handle) {
  const server = createServer(async (request, response) => {
    request.text = '';
    request.setEncoding('utf8');
    try {
      for await (const chunk of request) request.text += chunk;
      handle(request, response);
    } catch (error) {
      response.destroy(error);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Answers `value` as JSON. */
export function json(response, value, status = 200, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

/** A device as Roboticks answers it. */
export function device(number) {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    name: `Picker ${number}`,
    serial_number: `RBT-TEST-${number}`,
    status: 'online',
    tags: [],
    created_at: '2026-01-02T03:04:05Z',
    updated_at: '2026-01-02T03:04:05Z',
  };
}
