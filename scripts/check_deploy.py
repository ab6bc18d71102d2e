"""Checks what Kustomize builds of deploy/: by Kubernetes' schemas, and for names that lead nowhere. scripts/check-deploy runs it."""

import logging
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

import check_balance

DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
VERSIONS = ["1.30", "1.37"]  # the oldest with all that is used, and the newest known


def main():
    logging.disable()
    failures = []
    for overlay in sorted((DEPLOY / "overlays").iterdir()):
        objects = build(overlay)
        found = [*schema_failures(objects), *Names(objects).failures()]
        failures += [f"overlays/{overlay.name}: {failure}" for failure in found]
        print(f"overlays/{overlay.name}: {len(objects)} objects, {len(found)} failures")
    envoy = (DEPLOY / "tenants" / "envoy.yaml").read_text()
    failures += output_of_failure(["envoy", "--mode", "validate", "--log-level", "warn", "--config-yaml", envoy], "envoy")
    for file in sorted((DEPLOY / "containers").iterdir()):
        failures += output_of_failure(["hadolint", "--no-color", str(file)], file.name)
    if not failures:
        with tempfile.TemporaryDirectory() as folder:
            failures += check_balance.failures(yaml.safe_load(envoy), pathlib.Path(folder))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def build(overlay):
    text = subprocess.run(["kubectl", "kustomize", str(overlay)], check=True, stdout=subprocess.PIPE, text=True).stdout
    return list(yaml.safe_load_all(text))


def output_of_failure(command, name):
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    warnings = [line for line in run.stdout.splitlines() if "warning" in line.lower() or "error" in line.lower()]
    return [f"{name}: {line}" for line in warnings or [run.stdout.strip()]] if run.returncode or warnings else []


def schema_failures(objects):
    for version in VERSIONS:
        for one in objects:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                yield f"{one['kind']} {one['metadata']['name']}, Kubernetes {version}: {where}: {error.message}"


class Names:
    """Objects by kind and name, and what they say of each other."""

    def __init__(self, objects):
        self.objects = objects
        self.named = {(one["kind"], one["metadata"]["name"]): one for one in objects}
        (self.namespace,) = {one["metadata"]["namespace"] for one in objects if one["kind"] != "Namespace"}
        self.pods = [one["spec"]["template"] for one in objects if one["kind"] == "Deployment"]

    def failures(self):
        for one in self.objects:
            check = getattr(self, one["kind"], None)
            for failure in check(one) if check else ():
                yield f"{one['kind']} {one['metadata']['name']}: {failure}"

    def Deployment(self, one):
        pod = one["spec"]["template"]["spec"]
        labels = one["spec"]["template"]["metadata"]["labels"]
        if not one["spec"]["selector"]["matchLabels"].items() <= labels.items():
            yield "its selector does not match its pods"
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for volume in volumes.values():
            for key, kind, name in [
                ("configMap", "ConfigMap", "name"),
                ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
            ]:
                if key in volume and (kind, volume[key][name]) not in self.named:
                    yield f"there is no {kind} {volume[key][name]}"
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield from self.container(container, volumes)
        if not pod["securityContext"].get("runAsNonRoot"):
            yield "it may run as root"

    def container(self, container, volumes):
        name = container["name"]
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                yield f"{name}: there is no volume {mount['name']}"
            if "subPath" in mount:
                yield f"{name}: {mount['mountPath']} is a file, which a running pod keeps as it was"
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe"):
            if container.get(probe, {}).get("httpGet", {}).get("port") not in ports:
                yield f"{name}: no {probe} at one of its ports"
        if not container["securityContext"].get("readOnlyRootFilesystem"):
            yield f"{name}: its file system can be written"
        if "memory" not in container["resources"].get("limits", {}) or "cpu" not in container["resources"].get("requests", {}):
            yield f"{name}: no CPU is requested, or memory is not limited"
        if ":" not in container["image"]:
            yield f"{name}: its image has no tag: {container['image']}"

    def Service(self, one):
        yield from self.ports(one["spec"]["selector"], [port["targetPort"] for port in one["spec"]["ports"]])

    def ports(self, labels, names):
        """That pods with these labels have ports of these names."""
        pods = [pod for pod in self.pods if labels.items() <= pod["metadata"]["labels"].items()]
        ports = {port["name"] for pod in pods for container in pod["spec"]["containers"] for port in container["ports"]}
        for name in names:
            if name not in ports:
                yield f"no pods with the labels {labels} have a port {name}"

    def PodDisruptionBudget(self, one):
        yield from self.selects(one["spec"]["selector"])

    def NetworkPolicy(self, one):
        for rule in one["spec"]["ingress"]:
            yield from self.ports(one["spec"]["podSelector"]["matchLabels"], [port["port"] for port in rule["ports"]])
            for peer in rule["from"]:
                yield from self.selects(peer["podSelector"]) if "podSelector" in peer else ()

    def selects(self, selector):
        if not any(selector["matchLabels"].items() <= pod["metadata"]["labels"].items() for pod in self.pods):
            yield f"{selector} matches no pods"

    def HorizontalPodAutoscaler(self, one):
        target = one["spec"]["scaleTargetRef"]
        scaled = self.named.get((target["kind"], target["name"]))
        if scaled is None:
            yield f"there is no {target['kind']} {target['name']}"
        elif "replicas" in scaled["spec"]:
            yield f"{target['name']} has replicas, to which each change of it would go back"

    def ConfigMap(self, one):
        host = f"triton.{self.namespace}.svc.cluster.local"
        if host not in one["data"].get("envoy.yaml", host):
            yield f"it does not lead to {host}, Triton's service"


if __name__ == "__main__":
    sys.exit(main())
