"""The limit on calls: what the SDK makes of 429, and that waiting as long as the server says is enough."""

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.middleware.options import RetryHandlerOption
from msgraph import GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from world import DEVICES, Case


class Patience(Case):
    sdk = GraphServiceClient
    error = ODataError
    version = "v1.0"
    client = "patient"

    async def test_the_sdk_waits_and_asks_again(self):
        device = self.graph.device_management.managed_devices.by_managed_device_id(DEVICES["carl"])
        at_once = RequestConfiguration(options=[RetryHandlerOption(max_retries=0, should_retry=False)])
        # The window may end and begin anew while they are sent.
        for _ in range(450):
            try:
                await device.sync_device.post(at_once)
            except ODataError as error:
                refused = error
                break
        else:
            self.fail("450 changes at once, and none was refused")
        self.assertEqual((refused.response_status_code, refused.error.code), (429, "TooManyRequests"))
        self.assertIn(int(refused.response_headers["retry-after"]), range(1, 22))
        self.assertEqual(await self.graph.users.count.get(), 3, "reading goes on")
        # The SDK's own way of waiting.
        await device.sync_device.post()
