"""What is served over HTTP: pages for people, an API and metrics for programs, and the guard around both."""
