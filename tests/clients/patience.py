"""The limit on calls: what the SDK makes of 429, and that waiting as long as the server says is enough."""

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_http.middleware.options import RetryHandlerOption
from msgraph import GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from world import Case


class Patience(Case):
    sdk = GraphServiceClient
    error = ODataError
    version = "v1.0"
    client = "patient"

    async def test_the_sdk_waits_and_asks_again(self):
        count = self.graph.users.count
        at_once = RequestConfiguration(options=[RetryHandlerOption(max_retries=0, should_retry=False)])
        # The minute may end and begin anew while they are sent.
        for _ in range(250):
            try:
                self.assertEqual(await count.get(at_once), 3)
            except ODataError as error:
                refused = error
                break
        else:
            self.fail("250 calls at once, and none was refused")
        self.assertEqual((refused.response_status_code, refused.error.code), (429, "TooManyRequests"))
        self.assertGreater(int(refused.response_headers["retry-after"]), 0)
        # The SDK's own way of waiting.
        self.assertEqual(await count.get(), 3)
