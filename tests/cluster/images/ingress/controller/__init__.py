"""An ingress controller for tests: the standard Ingress API of class `nginx`, and nothing that needs a cloud.

Backends are the ready pods of a Service, by its EndpointSlices: a request that one of them doesn't take up goes to the
next. It stands for F5's NGINX Ingress Controller, which knows the pods too and is reloaded when they change.
"""
