"""Lists every device of a project. That tokens expire and servers say 429 is the client's business."""

import os

from roboticks import Roboticks

email, password = os.environ["ROBOTICKS_EMAIL"], os.environ["ROBOTICKS_PASSWORD"]
with Roboticks(username=email, password=password) as client:
    count = 0
    for device in client.devices.list("acme", "warehouse"):
        print(device.serial_number, device.status, device.name)
        count += 1
    print(count, "devices")
