"""What affiliates earn on the companies they brought."""
