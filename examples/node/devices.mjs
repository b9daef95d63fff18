/** Lists every device of a project. That tokens expire and servers say 429 is the client's business. */
import { createRequire } from 'node:module';

// Your program says: import { Roboticks } from 'roboticks';
const { Roboticks } = createRequire(new URL('../../bindings/node/', import.meta.url))('roboticks');

const { ROBOTICKS_EMAIL: username, ROBOTICKS_PASSWORD: password } = process.env;
const client = new Roboticks({ username, password });
let count = 0;
for await (const device of client.devices.list('acme', 'warehouse')) {
  console.log(device.serial_number, device.status, device.name);
  count += 1;
}
console.log(count, 'devices');
