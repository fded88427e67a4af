"""Takes deploy/scale-by-backlog.json as AWS does: backlog.py POLICY ENDPOINT QUEUE_URL INSTANCES

Puts it on an Auto Scaling group by the AWS SDK, whose model of the service refuses what AWS does not know, reads it back,
and prints what its expression comes to for the queue as it is: a number.
"""

import json
import pathlib
import sys

import boto3

#: What CloudWatch calls a queue's counts, and what the queue itself calls them.
COUNTS = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
}
GROUP = "flodrama-workers"


def main(policy, endpoint, queue_url, instances):
    session = boto3.Session(aws_access_key_id="peer", aws_secret_access_key="peer", region_name="eu-west-3")
    kept = on_a_group(session.client("autoscaling", endpoint_url=endpoint), json.loads(pathlib.Path(policy).read_text()))
    metrics = kept["CustomizedMetricSpecification"]["Metrics"]
    sqs = session.client("sqs", endpoint_url=endpoint)
    counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(COUNTS.values()))["Attributes"]

    def value(metric):
        match (metric["Namespace"], metric["MetricName"]):
            case ("AWS/SQS", name):
                return int(counts[COUNTS[name]])
            case ("AWS/AutoScaling", "GroupInServiceInstances"):
                assert metric["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": GROUP}], metric
                return int(instances)
        raise SystemExit(f"no such metric: {metric}")

    values = {each["Id"]: value(each["MetricStat"]["Metric"]) for each in metrics if "MetricStat" in each}
    (shown,) = [each for each in metrics if each["ReturnData"]]
    # The expression is our own file's, and arithmetic alone.
    print(eval(shown["Expression"], {"__builtins__": {}}, values) / kept["TargetValue"])


def on_a_group(autoscaling, policy):
    """The policy as the service gives it back."""
    if not autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]:
        autoscaling.create_launch_configuration(
            LaunchConfigurationName=GROUP, ImageId="ami-12c6146b", InstanceType="g6.xlarge"
        )
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=GROUP, LaunchConfigurationName=GROUP,
            MinSize=1, MaxSize=8, AvailabilityZones=["eu-west-3a"],
        )
    autoscaling.put_scaling_policy(
        AutoScalingGroupName=GROUP, PolicyName="backlog", PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=policy,
    )
    (kept,) = autoscaling.describe_policies(AutoScalingGroupName=GROUP)["ScalingPolicies"]
    return kept["TargetTrackingConfiguration"]


if __name__ == "__main__":
    main(*sys.argv[1:])
