// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The chain's own coin as an ERC-20, for development chains
/// @notice Public chains have one already, such as WETH; there, that one is named when the suite is deployed.
contract DevelopmentWrappedCoin is ERC20 {
    error NotADevelopmentChain(uint256 chainId);
    error NotSent(address to, uint256 amount);

    constructor() ERC20("Wrapped development coin", "WDEV") {
        if (block.chainid != 31337 && block.chainid != 1337) revert NotADevelopmentChain(block.chainid);
    }

    receive() external payable {
        deposit();
    }

    /// @notice Wrap the coin that is sent along.
    function deposit() public payable {
        _mint(msg.sender, msg.value);
    }

    /// @notice Give wrapped coin back for coin.
    function withdraw(uint256 amount) external {
        _burn(msg.sender, amount);
        (bool done,) = msg.sender.call{value: amount}("");
        if (!done) revert NotSent(msg.sender, amount);
    }
}
