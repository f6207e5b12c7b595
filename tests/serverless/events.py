"""Events as AWS writes them, from its documentation.

An HTTP API's: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html, payload
format 2.0. A queue's: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html. A schedule's: what the schedule is told to
send; here that of docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html.
"""

from urllib.parse import urlencode

HOST = "id.execute-api.eu-central-1.amazonaws.com"
ORIGIN = f"https://{HOST}"
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "account": "123456789012",
    "time": "2015-10-08T16:53:06Z",
    "region": "eu-central-1",
    "resources": [],
    "detail": {},
}


SENT = {
    "accept": "*/*",
    "host": HOST,
    "user-agent": "agent",
    "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


def http_event(method, path, body=None, *, cookie=None, query=None, host=HOST, **headers):
    """Return a call as API Gateway hands it on."""
    query_string = urlencode(query or {})
    given = {"cookies": [cookie]} if cookie else {}
    return given | {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query_string,
        "headers": SENT | {"content-length": str(len(body or "")), "host": host} | headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": host,
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def sqs_event(*messages):
    """Return messages, as SQS gives them to who receives them, as an event for a function."""
    return {
        "Records": [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:runs",
                "awsRegion": "eu-central-1",
            }
            for one in messages
        ]
    }
