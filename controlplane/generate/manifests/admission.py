"""The promise, kept by the API server: our account changes two numbers and its own annotations, within the bounds.

RBAC cannot say which fields may be patched. This policy can, so that even a control plane gone wrong, or its token in
other hands, can do no more than what fleet.yaml allows. It binds nobody else.
"""

from controlplane.generate.manifests.things import NAME, SERVICE_ACCOUNT, Manifest, changeable, thing
from controlplane.model.keys import ANNOTATIONS
from controlplane.promql.expr import quote
from controlplane.settings.schema import Settings

API = "admissionregistration.k8s.io/v1"
OURS = f"{ANNOTATIONS}/"
LEAST, MOST = "minReplicaCount", "maxReplicaCount"

_SCALED_OBJECT = 'request.resource.group == "keda.sh" && request.resource.resource == "scaledobjects"'
_OURS = f'request.operation == "UPDATE" && {_SCALED_OBJECT}'
_TARGET = 'request.?subResource.orValue("") == "" && request.namespace + "/" + request.name in variables.bounds'


def admission(settings: Settings) -> list[Manifest]:
    """The policy and its binding. Floor and ceiling of each object are those of fleet.yaml."""
    bounds = ", ".join(
        f"{quote(f'{ref.namespace}/{ref.name}')}: [{role.replicas.min}, {role.replicas.max}]"
        for ref, role in changeable(settings)
    )
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]},
            ],
            "excludeResourceRules": [  # asking who one is and what one may do changes nothing
                {"apiGroups": [group], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}
                for group in ("authentication.k8s.io", "authorization.k8s.io")
            ],
        },
        "matchConditions": [{"name": "ours", "expression": f"request.userInfo.username == {quote(SERVICE_ACCOUNT)}"}],
        "variables": [
            {"name": "bounds", "expression": f"{{{bounds}}}"},
            {"name": "known", "expression": f"{_OURS} && {_TARGET}"},
            {"name": "least", "expression": f"variables.known && has(object.spec.{LEAST}) ? object.spec.{LEAST} : -1"},
            {"name": "most", "expression": f"variables.known && has(object.spec.{MOST}) ? object.spec.{MOST} : -1"},
            {"name": "range", "expression": 'variables.bounds[request.namespace + "/" + request.name]'},
        ],
        "validations": [
            {
                "expression": "variables.known",
                "message": "the control plane may only update the ScaledObjects that fleet.yaml lets it change",
            },
            {
                "expression": f"!variables.known || ({_same_but_bounds('object', 'oldObject')} "
                f"&& {_same_but_bounds('oldObject', 'object')})",
                "message": f"of a ScaledObject's spec only {LEAST} and {MOST} may change",
            },
            {
                "expression": f"!variables.known || ({_same_metadata('object', 'oldObject')} "
                f"&& {_same_metadata('oldObject', 'object')})",
                "message": f"of a ScaledObject's metadata only annotations {OURS}* may change",
            },
            {
                "expression": "!variables.known || (variables.least == -1 || variables.least >= variables.range[0]) && "
                "(variables.most == -1 || variables.most <= variables.range[1]) && "
                "(variables.least == -1 || variables.most == -1 || variables.least <= variables.most)",
                "message": "replica bounds must stay within those of fleet.yaml",
            },
        ],
    }
    binding = {"policyName": NAME, "validationActions": ["Deny"]}
    return [
        thing(API, "ValidatingAdmissionPolicy", namespace=None, spec=spec),
        thing(API, "ValidatingAdmissionPolicyBinding", namespace=None, spec=binding),
    ]


def _same_but_bounds(one: str, other: str) -> str:
    """Every field of the spec of ``one``, but the bounds, is in ``other`` with the same value."""
    return f"{one}.spec.all(k, k in ['{LEAST}', '{MOST}'] || k in {other}.spec && {other}.spec[k] == {one}.spec[k])"


def _same_metadata(one: str, other: str) -> str:
    """Labels, owners and finalizers of ``one`` are those of ``other``, and its annotations too but for ours."""
    same = " && ".join(
        f"{one}.metadata.?{part} == {other}.metadata.?{part}" for part in ("labels", "ownerReferences", "finalizers")
    )
    here, there = (f"{which}.metadata.?annotations.orValue({{}})" for which in (one, other))
    kept = f"{here}.all(k, k.startsWith('{OURS}') || k in {there} && {there}[k] == {here}[k])"
    return f"{same} && {kept}"
