# shellcheck shell=bash
# say MESSAGE   An event of the log group /app/api, now.
say() {
  "$PYTHON" -c 'import boto3, sys, time; boto3.client("logs").put_log_events(logGroupName="/app/api", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": sys.argv[1]}])' "$1"
}

# watched   A table with an index, values of its last minutes in CloudWatch, and a log group.
watched() {
  "$PYTHON" - <<'PYTHON'
import boto3, datetime, time
boto3.client("dynamodb").create_table(
    TableName="watched", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "by")],
    GlobalSecondaryIndexes=[{
        "IndexName": "by-day", "KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}}])
now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
watch = boto3.client("cloudwatch")
def put(metric, minutes, value, **dimensions):
    watch.put_metric_data(Namespace="AWS/DynamoDB", MetricData=[{
        "MetricName": metric, "Value": value, "Timestamp": now - datetime.timedelta(minutes=minutes),
        "Dimensions": [{"Name": n, "Value": v} for n, v in ({"TableName": "watched"} | dimensions).items()]}])
for minutes, units in ((9, 60), (8, 120), (7, 30.5), (6, 7.25)):
    put("ConsumedWriteCapacityUnits", minutes, units)
put("ConsumedReadCapacityUnits", 8, 600)
put("WriteThrottleEvents", 7, 4)
put("ThrottledRequests", 7, 2, Operation="BatchWriteItem")
put("ThrottledRequests", 7, 1, Operation="PutItem")
put("ConsumedWriteCapacityUnits", 8, 44, GlobalSecondaryIndexName="by-day")
logs = boto3.client("logs")
logs.create_log_group(logGroupName="/app/api")
logs.create_log_stream(logGroupName="/app/api", logStreamName="s")
start = int(time.time() * 1000)
logs.put_log_events(logGroupName="/app/api", logStreamName="s", logEvents=[
    {"timestamp": start - 9000 + n, "message": f"GET /plans/{n}" + ("\nsecond line\x1b[31m" if n == 2 else "")}
    for n in (1, 2, 3)])
PYTHON
}
