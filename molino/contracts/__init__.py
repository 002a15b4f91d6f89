"""What crosses a border of Molino: model file, settings, steps, records, results, releases. Imports nothing of ours."""
