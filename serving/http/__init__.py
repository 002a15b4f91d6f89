"""What any HTTP request and response of the server is made of."""
