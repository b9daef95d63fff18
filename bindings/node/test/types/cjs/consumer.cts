/** What a TypeScript user writes, in a CommonJS module without the types of Node. */
import bitting = require('bitting');
import roboticks = require('roboticks');
import { Arrow } from 'arrow';

const client = new roboticks.Roboticks();
client.devices.list('acme', 'warehouse').then((page: roboticks.DevicePage) => page.items.length);
client.devices.get('acme', 'warehouse', 'x').catch((error: unknown) => error instanceof bitting.APIStatusError && error.status);
const arrow: bitting.BaseClient = new Arrow();
void arrow.close();
// @ts-expect-error: a number is no slug
void client.devices.list(1, 2);
