"""An ingress controller for tests: the standard Ingress API of class `nginx`, and nothing that needs a cloud.

Backends are reached through their Services' addresses, so that nginx is reloaded when an Ingress, a Service or a
certificate changes, not when a pod does; where a pod takes no connection, the Service is asked again. It stands for
F5's NGINX Ingress Controller with `nginx.org/use-cluster-ip`.
"""
