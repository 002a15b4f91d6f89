"""Every alert of the chart rung by its cause, on a real cluster; `make alerts`."""
