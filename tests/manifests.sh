#!/usr/bin/env bash
# What is deployed, held against the schemas of Kubernetes and against the program: tests/manifests.sh PATH_OF_CODIF
# Every kustomization is rendered; its objects fit the schemas of the oldest and the newest Kubernetes that k8s/README.md names; their
# settings, ports, probes and times are those of codif, which is started and asked; hadolint finds nothing in the Dockerfile. The
# exit status is 0 only when all of it holds.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 PATH_OF_CODIF" >&2; exit 2; }
codif=$(realpath -- "$1")
cd "$(dirname "$0")/.." # where the models are
. tests/tools.sh
tools=${CODIF_TOOLS:-.venv}/manifests
work=$(mktemp -d)

clean_up() {
    stop_servers
    rm -rf "$work"
}
trap clean_up EXIT

status=0
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    status=1
}

# What the manifests say against what the program says: hold_against_program RENDERED…
hold_against_program() {
    "$tools/bin/python" - "$codif" "$operations" "$@" <<'PYTHON'
import pathlib, re, subprocess, sys, tomllib, urllib.error, urllib.request
import kubernetes_validate, yaml

codif, operations, *rendered = sys.argv[1:]
READ_BY_THE_S3_CLIENT = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
NO_SCHEMA = {"ServiceMonitor"}  # of the Prometheus operator
failures = []


def expect(holds, otherwise):
    if not holds:
        failures.append(otherwise)
        print(f"FAILED: {otherwise}", file=sys.stderr)


def seconds(duration):
    return sum(float(n) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[u] for n, u in re.findall(r"(\d+)(ms|s|m|h)", duration))


def mebibytes(size):
    [(number, unit)] = re.findall(r"^([\d.]+) ?([MG])iB?$", size)
    return float(number) * {"M": 1, "G": 1024}[unit]


def expect_answer(path, where):
    try:
        status = urllib.request.urlopen(operations + path, timeout=10).status
    except urllib.error.HTTPError as error:
        status = error.code
    expect(status == 200, f"{where}: codif answers {status} to {path}")


dockerfile = pathlib.Path("Dockerfile").read_text()
version = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["package"]["version"]
channel = tomllib.loads(pathlib.Path("rust-toolchain.toml").read_text())["toolchain"]["channel"]
[releases] = re.findall(r"Kubernetes (\d+\.\d+) to (\d+\.\d+)", pathlib.Path("k8s/README.md").read_text())
help_text = subprocess.check_output([codif, "serve", "--help"], text=True)
settings = set(re.findall(r"\[env:\s+(\w+)", help_text)) | READ_BY_THE_S3_CLIENT

# Every setting that is written anywhere, in comments and in the README too.
for file in [pathlib.Path("Dockerfile"), *pathlib.Path("k8s").rglob("*.*")]:
    for name in sorted(set(re.findall(r"\b(?:CODIF|AUTH|API|AWS|OTEL)_[A-Z0-9_]+\b", file.read_text())) - settings):
        expect(False, f"{file}: codif has no setting {name}")

# The image.
of_image = dict(re.findall(r"^(?:ENV| )\s*(CODIF_\w+)=(\S+)", dockerfile, re.M))
exposed = {int(port) for port in re.search(r"^EXPOSE (.+)$", dockerfile, re.M)[1].split()}
[rust] = re.findall(r"^ARG RUST_IMAGE=\S+/rust:([\d.]+)-", dockerfile, re.M)
expect(f"{channel}.".startswith(f"{rust}."), f"Dockerfile: rust:{rust} is not the toolchain {channel}")
expect(f'image.version="{version}"' in dockerfile, f"Dockerfile: the label does not say {version}")

def expect_valid(thing, where):
    for release in releases if thing["kind"] not in NO_SCHEMA else []:
        try:
            kubernetes_validate.validate(thing, release, strict=True)
        except kubernetes_validate.ValidationError as error:
            expect(False, f"{where}: {thing['kind']} in Kubernetes {release}: {'.'.join(map(str, error.path))}: {error.message}")


# The job of Spark: every object, the executors' template within it, and what it tells the example to do.
recode = list(yaml.safe_load_all(pathlib.Path("k8s/spark-recode.yaml").read_text()))
[job] = [thing for thing in recode if thing["kind"] == "Job"]
[map_of_job] = [thing["data"] for thing in recode if thing["kind"] == "ConfigMap"]
for thing in [*recode, yaml.safe_load(map_of_job["executor.yaml"])]:
    expect_valid(thing, "spark-recode")
[driver] = job["spec"]["template"]["spec"]["containers"]
example = pathlib.Path("python/examples/spark_recode.py").read_text()
place = next(place for place, argument in enumerate(driver["args"]) if argument.endswith("/spark_recode.py"))
for argument in driver["args"][place:]:
    flag = argument.split("=")[0]
    expect(not flag.startswith("--") or f'"{flag}"' in example, f"spark-recode: the example has no {flag}")
[wheel] = re.findall(r"codif-spark:([\d.]+)$", driver["image"])
expect(wheel == version, f"spark-recode: the image is {driver['image']}, codif {version}")
print(f"spark-recode: {', '.join(thing['kind'] for thing in recode)}")

for file in rendered:
    where = pathlib.Path(file).stem
    objects = {}
    for thing in yaml.safe_load_all(open(file)):
        kind = thing["kind"]
        expect(kind not in objects, f"{where}: a second {kind}, where this script looks at one")
        objects[kind] = thing
        expect_valid(thing, where)
    print(f"{where}: {', '.join(objects)}")
    for kind in NO_SCHEMA & objects.keys():
        print(f"{where}: there is no schema for {kind} here; only its version, selector, port and path were looked at")

    deployment, service, policy = objects["Deployment"], objects["Service"]["spec"], objects["NetworkPolicy"]["spec"]
    template, pod = deployment["spec"]["template"], deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    writable = {mount["mountPath"] for mount in container["volumeMounts"]}
    expect(container["image"].endswith(f":{version}"), f"{where}: the image is {container['image']}, codif {version}")
    expect(f"USER {pod['securityContext']['runAsUser']}:" in dockerfile, f"{where}: runs as another user than the image")
    expect({of_image["CODIF_CACHE"], "/tmp"} <= writable, f"{where}: the cache or /tmp cannot be written, only {writable}")

    # What codif makes of its settings: the image's, the ConfigMap's, the Secret's.
    of_map = objects["ConfigMap"]["data"]
    of_secret = {"API_USERNAME": "user", "API_PASSWORD": "secret"} if any("secretRef" in source for source in container["envFrom"]) else {}
    for name in of_map.keys() - settings:
        expect(False, f"{where}: codif has no setting {name}")
    check = [codif, "serve", "--check-config"]
    checked = subprocess.run(check, env=of_image | of_map | of_secret, text=True, capture_output=True)
    expect(checked.returncode == 0, f"{where}: {checked.stderr}")
    if checked.returncode == 0:
        config = tomllib.loads(checked.stdout)
        listens = {"http": int(config["listen"].split(":")[-1]), "operations": int(config["ops_listen"].split(":")[-1])}
        expect(ports == listens, f"{where}: containerPorts {ports}, but codif listens on {listens}")
        delay, deadline = seconds(config["drain"]["delay"]), seconds(config["drain"]["deadline"])
        expect(delay + deadline < pod["terminationGracePeriodSeconds"], f"{where}: killed before {delay} + {deadline} s of draining")
        # What large bodies were seen to take, and both models three times: in service, before, being loaded.
        needed, limit = 2.2 * mebibytes(config["limits"]["memory"]) + 300, mebibytes(container["resources"]["limits"]["memory"])
        expect(needed <= limit, f"{where}: codif may take {needed:.0f} MiB of memory, the pod has {limit:.0f}")
        probe = container["readinessProbe"]
        expect(probe["periodSeconds"] * probe["failureThreshold"] < delay, f"{where}: nobody notices the draining in {delay} s")

    # Who is reached, where.
    expect(set(ports.values()) == exposed, f"{where}: containerPorts {ports}, but the image exposes {exposed}")
    for probe, path in {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}.items():
        asked = container[probe]["httpGet"]
        expect(asked == {"path": path, "port": "operations"}, f"{where}: {probe} asks {asked}")
        expect_answer(asked["path"], f"{where}: {probe}")
    selectors = [service["selector"], policy["podSelector"]["matchLabels"], deployment["spec"]["selector"]["matchLabels"]]
    selectors += [spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    if "PodDisruptionBudget" in objects:
        selectors.append(objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"])
    for selector in selectors:
        expect(selector.items() <= template["metadata"]["labels"].items(), f"{where}: no pod has the labels {selector}")
    named = {port["name"]: port["targetPort"] for port in service["ports"]}
    expect(named == {name: name for name in ports}, f"{where}: the service's ports are {named}, the pod's {ports}")
    allowed = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    expect(set(allowed) == ports.keys(), f"{where}: the network policy opens {allowed}, the pod has {ports}")
    if "HorizontalPodAutoscaler" in objects:
        scaled = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
        expect(scaled["kind"] == "Deployment" and scaled["name"] == deployment["metadata"]["name"], f"{where}: {scaled} is scaled")
    if "ServiceMonitor" in objects:
        monitor = objects["ServiceMonitor"]
        selector, [endpoint] = monitor["spec"]["selector"]["matchLabels"], monitor["spec"]["endpoints"]
        expect(monitor["apiVersion"] == "monitoring.coreos.com/v1", f"{where}: ServiceMonitor of {monitor['apiVersion']}")
        expect(selector.items() <= objects["Service"]["metadata"]["labels"].items(), f"{where}: no service has the labels {selector}")
        expect(endpoint["port"] == "operations", f"{where}: port {endpoint['port']} is scraped")
        expect_answer(endpoint["path"], f"{where}: ServiceMonitor")
sys.exit(bool(failures))
PYTHON
}

environment "$tools" tests/manifests-requirements.txt
PATH=$(realpath -- "$tools")/bin:$PATH
hadolint Dockerfile || fail "hadolint"
rendered=()
for kustomization in k8s/base k8s/overlays/*/; do
    name=$(basename "$kustomization")
    if kubectl kustomize "$kustomization" >"$work/$name.yaml"; then
        rendered+=("$work/$name.yaml")
    else
        fail "kubectl kustomize $kustomization"
    fi
done
serve "$work/codif.log"
hold_against_program "${rendered[@]}" || status=1
exit $status
