"""What botocore makes of settings, for comparison. Reads a JSON list of cases, prints a JSON list of results."""
import json
import os
import sys

import botocore.configloader
import botocore.session

PLAIN = dict(os.environ)


def flat(section):
    return {
        "values": {k: v for k, v in section.items() if isinstance(v, str)},
        "groups": {k: v for k, v in section.items() if isinstance(v, dict)},
    }


def resolve(case):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(case["environment"])
    session = botocore.session.Session(profile=case.get("profile"))
    try:
        full = session.full_config
        session.get_scoped_config()
    except Exception as error:
        return {"error": type(error).__name__}
    result = {
        "profiles": {name: flat(section) for name, section in full["profiles"].items()},
        "sessions": {name: flat(section) for name, section in full.get("sso_sessions", {}).items()},
        "services": {name: flat(section) for name, section in full.get("services", {}).items()},
        "region": session.get_config_variable("region"),
        "endpoints": {},
    }
    try:
        result["attempts"] = session.get_config_variable("max_attempts")
    except ValueError:
        result["attempts"] = None
    if case.get("endpoints"):
        for service in ("dynamodb", "s3", "sts", "cloudwatch", "logs"):
            try:
                client = session.create_client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y")
                result["endpoints"][service] = client.meta.endpoint_url
            except Exception as error:
                result["endpoints"][service] = type(error).__name__
    if case.get("credentials"):
        try:
            found = session.get_credentials()
            result["credentials"] = found and [found.access_key, found.secret_key, found.token or ""]
        except Exception as error:
            result["credentials"] = type(error).__name__
    return result


json.dump([resolve(case) for case in json.load(sys.stdin)], sys.stdout)
